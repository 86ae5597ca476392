"""What to write so that an agent's objects become what they should be. Pure.

The dry run uses it too. Order within one `Steps`: `secrets` and `create`, then `patch` and `apply`,
then `prune`; within each group all at once. `rollout` says which of them may go now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from codelab_operator.children import Agent, Child, Manifest, ObjectKey


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
        raise NotImplementedError


def plan(desired: Iterable[Child], observed: Mapping[ObjectKey, Manifest], agent: Agent) -> Steps:
    """Compare wanted children with what the indexes hold for the agent.

    `observed` holds every object with our labels for this agent, of any kind but Secrets, with the
    responses to our last writes laid over what the streams delivered.
    """
    raise NotImplementedError
