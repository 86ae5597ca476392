"""What to write so that an agent's objects become what they should be. Pure.

The dry run uses it too. Order within one `Steps`: `secrets` and `create`, then `patch` and `apply`,
then `prune`; within each group all at once. `rollout` says which of them may go now.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from codelab_operator.api_group import REPLICAS_ANNOTATION
from codelab_operator.children import Agent, Child, Manifest, ObjectKey, Wanted
from codelab_operator.ownership import Owner, owner_of
from codelab_operator.subset import differences
from codelab_operator.workloads import WORKLOADS, hash_of, is_settled

NOTHING: Final[Mapping[ObjectKey, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Apply:
    """One child to send by server-side apply."""

    child: Child
    reason: Literal["missing", "changed", "drifted"]
    """`drifted`: the hash fits, the object does not: somebody else wrote it."""
    force: bool
    """The object is ours: take fields over. Else a foreign object must answer 409."""
    handover: int | None = None
    """Before it, apply `{spec: {replicas: handover}}` as `HANDOVER_MANAGER`, forced."""
    drifted: tuple[str, ...] = ()
    """Paths that differ, for `drift.Drift`; only with reason `drifted`."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Everything between what is there and what should be."""

    apply: tuple[Apply, ...] = ()
    """Intents to send."""
    create: tuple[Child, ...] = ()
    """Children to post that are missing; 409 with another owner is a conflict."""
    patch: tuple[Child, ...] = ()
    """Created children (never Secrets) that changed: the whole intent as a merge patch."""
    secrets: tuple[Child, ...] = ()
    """Secrets to make sure of: no watch shows them. At most once a minute for each agent."""
    prune: tuple[ObjectKey, ...] = ()
    """Ours, wanted no more, used no more: delete with the uid as precondition."""
    conflicts: tuple[ObjectKey, ...] = ()
    """Objects of our names and label that another owner has; left alone."""
    leaving: tuple[ObjectKey, ...] = ()
    """Wanted, but being deleted: they are made again once they are gone."""

    @property
    def is_empty(self) -> bool:
        """Nothing to write."""
        return not (self.apply or self.create or self.patch or self.secrets or self.prune)

    def without(self, keys: Iterable[ObjectKey]) -> "Steps":
        """The same but for writes to some objects: a fight is on, or a retry is not due."""
        left = frozenset(keys)
        return replace(
            self,
            apply=tuple(step for step in self.apply if step.child.key not in left),
            create=tuple(child for child in self.create if child.key not in left),
            patch=tuple(child for child in self.patch if child.key not in left),
            secrets=tuple(child for child in self.secrets if child.key not in left),
            prune=tuple(key for key in self.prune if key not in left),
        )


def plan(
    desired: Iterable[Child],
    observed: Mapping[ObjectKey, Manifest],
    agent: Agent,
    meant: Mapping[ObjectKey, str] = NOTHING,
) -> Steps:
    """Compare wanted children with what the indexes hold for the agent.

    `observed` holds every object with our labels for this agent, of any kind but Secrets, with the
    responses to our last writes laid over what the streams delivered. `meant` names intents, by
    their hash, that objects are known to hold: those are not compared again.
    """
    wanted = {child.key: child for child in desired}
    visible = {key: child for key, child in wanted.items() if key.kind != "Secret"}
    owners = {key: owner_of(live, agent) for key, live in observed.items()}
    writable = {
        key: child
        for key, child in visible.items()
        if owners.get(key, Owner.NOBODY) in {Owner.US, Owner.NOBODY}
    }
    return Steps(
        apply=tuple(_applied(writable, observed, owners, meant)),
        create=tuple(
            child
            for key, child in writable.items()
            if child.write == "create" and key not in observed
        ),
        patch=tuple(_patched(writable, observed, meant)),
        secrets=tuple(_secrets(wanted, observed)),
        prune=tuple(_pruned(wanted, observed, owners)),
        conflicts=tuple(key for key in visible if owners.get(key) is Owner.ANOTHER),
        leaving=tuple(key for key in visible if owners.get(key) is Owner.LEAVING),
    )


def _applied(
    children: Mapping[ObjectKey, Child],
    observed: Mapping[ObjectKey, Manifest],
    owners: Mapping[ObjectKey, Owner],
    meant: Mapping[ObjectKey, str],
) -> Iterator[Apply]:
    """Intents that are missing, that changed, or that somebody else changed."""
    for key, child in children.items():
        live = observed.get(key)
        if child.write != "apply":
            continue
        if live is None:
            yield Apply(child, "missing", force=False)
        elif hash_of(live) != child.hash:
            force = owners[key] is Owner.US
            yield Apply(child, "changed", force=force, handover=_handover(child, live))
        elif meant.get(key) != child.hash and (drifted := tuple(differences(child.manifest, live))):
            yield Apply(child, "drifted", force=owners[key] is Owner.US, drifted=drifted)


def _patched(
    children: Mapping[ObjectKey, Child],
    observed: Mapping[ObjectKey, Manifest],
    meant: Mapping[ObjectKey, str],
) -> Iterator[Child]:
    """Created children that are not as meant."""
    for key, child in children.items():
        if child.write != "create" or key not in observed or meant.get(key) == child.hash:
            continue
        if next(differences(child.manifest, observed[key]), None) is not None:
            yield child


def newly_meant(
    desired: Iterable[Child],
    observed: Mapping[ObjectKey, Manifest],
    agent: Agent,
    meant: Mapping[ObjectKey, str],
) -> Iterator[Child]:
    """Children that are ours and as wanted, of which `meant` did not say so yet."""
    for child in desired:
        live = observed.get(child.key)
        if live is None or hash_of(live) != child.hash or meant.get(child.key) == child.hash:
            continue
        is_same = next(differences(child.manifest, live), None) is None
        if is_same and owner_of(live, agent) is Owner.US:
            yield child


def _secrets(
    wanted: Mapping[ObjectKey, Child], observed: Mapping[ObjectKey, Manifest]
) -> Iterator[Child]:
    """All Secrets while a pod may be waiting for one."""
    if is_running(wanted.values(), observed):
        return iter(())
    return (child for key, child in wanted.items() if key.kind == "Secret")


def _pruned(
    wanted: Mapping[ObjectKey, Child],
    observed: Mapping[ObjectKey, Manifest],
    owners: Mapping[ObjectKey, Owner],
) -> Iterator[ObjectKey]:
    """Ours and wanted no more; a ConfigMap stays while an old pod may be started again."""
    for key, owner in owners.items():
        if owner is not Owner.US or key in wanted or key.kind == "Secret":
            continue
        if key.kind != "ConfigMap" or is_running(wanted.values(), observed):
            yield key


def is_running(wanted: Iterable[Wanted], observed: Mapping[ObjectKey, Manifest]) -> bool:
    """Everything that runs pods does so as wanted."""
    running = (child for child in wanted if child.key.kind in WORKLOADS)
    return all(is_settled(observed.get(child.key), child.hash) for child in running)


def _handover(child: Child, live: Manifest) -> int | None:
    """Pods to hold on to when we stop to say how many: without any owner they would become one."""
    if REPLICAS_ANNOTATION not in _annotations(live):
        return None
    if REPLICAS_ANNOTATION in _annotations(child.manifest):
        return None
    return int(live.get("spec", {}).get("replicas", 1))


def _annotations(manifest: Manifest) -> Mapping[str, Any]:
    return manifest["metadata"].get("annotations") or {}
