"""What the streams delivered: agents and their children, with our own writes laid over. Pure.

Objects are kept as JSON: a thousand agents are sixteen thousand objects. What was compared with its
intent is not kept whole: as long as its content does not change, it need not be compared again. Of
two versions of an object the later one wins, so an answer to our own write stands until the stream
has caught up.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final, NamedTuple

import orjson

from codelab_operator.api_group import AGENT_LABEL
from codelab_operator.children import Manifest, ObjectKey, Wanted
from codelab_operator.kinds import AGENT
from codelab_operator.workloads import gist

NOT_KEPT: Final = ("managedFields", "selfLink")
IN_HEAD: Final = ("apiVersion", "kind", "metadata", "status")
PASSING: Final = ("resourceVersion", "generation")
REVISION: Final = "deployment.kubernetes.io/revision"
"""Written by the controller of Deployments, never by us."""


class AgentKey(NamedTuple):
    """Which agent: the key of the work queue."""

    namespace: str
    name: str


class Sighting(NamedTuple):
    """One object as a stream or an answer showed it, already compact."""

    key: ObjectKey
    agent: str
    """Name of the agent that it belongs to; an agent's own name."""
    uid: str
    version: int
    head: bytes
    """Names, metadata and status as JSON, and the little of a specification that statuses tell."""
    rest: bytes
    """All other fields as JSON; empty once they are known to be as meant."""
    content: int
    """Differs where anything differs that an intent may speak of."""
    meant: str = ""
    """Hash of the intent that the object holds, where that has been compared; else empty."""


@dataclass(frozen=True, slots=True)
class Observation:
    """An agent, absent when None, and every child that carries its label."""

    resource: Manifest | None
    children: Mapping[ObjectKey, Manifest]
    """Whole, but for those that are `meant`: they lack what no status tells."""
    meant: Mapping[ObjectKey, str] = field(default_factory=dict)
    """Children that were compared and have not changed since: the hash of their intent."""

    def holds(self, wanted: Iterable[Wanted]) -> bool:
        """Whether these and no others are there, each as meant; Secrets are never seen."""
        visible = {one.key: one.hash for one in wanted if one.key.kind != "Secret"}
        return len(self.children) == len(visible) and self.meant == visible


def sighting(manifest: Mapping[str, Any]) -> Sighting:
    """An object made compact; `managedFields` are dropped. Hot: benchmarks/reconcile.py.

    Raises `KeyError` for what is no namespaced object.
    """
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in NOT_KEPT}
    api_version, kind = intern(manifest["apiVersion"]), intern(manifest["kind"])
    key = ObjectKey(api_version, kind, intern(metadata["namespace"]), metadata["name"])
    labels = metadata.get("labels") or {}
    agent = key.name if kind == AGENT.name else intern(labels.get(AGENT_LABEL, ""))
    head = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
    if "status" in manifest:
        head["status"] = manifest["status"]
    rest = _compact({k: v for k, v in manifest.items() if k not in IN_HEAD})
    return Sighting(
        key,
        agent,
        metadata["uid"],
        int(metadata["resourceVersion"]),
        _compact(head | gist(manifest)),
        rest,
        hash((rest, orjson.dumps(_lasting(kind, metadata)))),
    )


def _compact(value: Any) -> bytes:
    """JSON in no more memory than it takes: the encoder leaves room for four times as much."""
    return bytes(memoryview(orjson.dumps(value)))


def _lasting(kind: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without what changes with every write, or with every roll."""
    kept = {k: v for k, v in metadata.items() if k not in PASSING}
    if kind == "Deployment" and REVISION in (kept.get("annotations") or {}):
        kept["annotations"] = {k: v for k, v in kept["annotations"].items() if k != REVISION}
    return kept


@dataclass(slots=True)
class Observations:
    """All agents and children that are known now."""

    _seen: dict[ObjectKey, Sighting] = field(default_factory=dict)
    _children: dict[AgentKey, set[ObjectKey]] = field(default_factory=lambda: defaultdict(set))
    _gone: dict[ObjectKey, str] = field(default_factory=dict)
    """Uid of objects that we deleted and whose end no stream has shown yet."""

    def put(self, seen: Sighting) -> bool:
        """Keep an object; False where a later version is known, or we deleted it."""
        known = self._seen.get(seen.key)
        if known and known.uid == seen.uid and known.version >= seen.version:
            return False
        if known and known.uid != seen.uid and known.version > seen.version:
            return False  # an event of the predecessor comes late
        if self._gone.get(seen.key) == seen.uid:
            return False
        if known and known.meant and known.content == seen.content:
            seen = seen._replace(rest=b"", meant=known.meant)
        self._forget(seen.key)
        self._seen[seen.key] = seen
        if seen.agent and seen.key.kind != AGENT.name:
            self._children[AgentKey(seen.key.namespace, seen.agent)].add(seen.key)
        return True

    def drop(self, key: ObjectKey, uid: str) -> bool:
        """An object is gone, by a stream; False where another one has its name by now."""
        if self._gone.get(key) == uid:
            del self._gone[key]
        known = self._seen.get(key)
        if known is None or known.uid != uid:
            return False
        self._forget(key)
        return True

    def deleted(self, key: ObjectKey, uid: str) -> None:
        """We deleted an object: late events do not bring it back."""
        if self.drop(key, uid):
            self._gone[key] = uid

    def get(self, key: ObjectKey) -> Sighting | None:
        """The latest version of an object."""
        return self._seen.get(key)

    def observe(self, key: AgentKey) -> Observation:
        """The agent and its children as manifests, fresh for the caller."""
        resource = self._seen.get(ObjectKey(AGENT.api_version, AGENT.name, *key))
        seen = {k: self._seen[k] for k in self._children.get(key, ())}
        return Observation(
            _manifest(resource) if resource else None,
            {k: _manifest(one) for k, one in seen.items()},
            {k: one.meant for k, one in seen.items() if one.meant},
        )

    def confirm(self, observed: Observation) -> None:
        """Note that versions are as meant; so are later ones of the same content."""
        for key, meant in observed.meant.items():
            seen = self._seen.get(key)
            version = observed.children[key]["metadata"]["resourceVersion"]
            if seen and seen.meant != meant and seen.version == int(version):
                self._seen[key] = seen._replace(rest=b"", meant=meant)

    def agents(self) -> Iterator[AgentKey]:
        """All agents."""
        for key in list(self._seen):
            if key.kind == AGENT.name:
                yield AgentKey(key.namespace, key.name)

    def of_kind(self, api_version: str, kind: str, namespace: str = "") -> list[Sighting]:
        """All objects of a kind; an empty namespace means everywhere."""
        return [
            seen
            for key, seen in self._seen.items()
            if key[:2] == (api_version, kind) and namespace in {"", key.namespace}
        ]

    def __len__(self) -> int:
        return len(self._seen)

    def _forget(self, key: ObjectKey) -> None:
        """Take an object out of both maps."""
        known = self._seen.pop(key, None)
        if known is None or key.kind == AGENT.name:
            return
        owner = AgentKey(key.namespace, known.agent)
        self._children[owner].discard(key)
        if not self._children[owner]:
            del self._children[owner]


def _manifest(seen: Sighting) -> dict[str, Any]:
    """The object, fresh for the caller."""
    head: dict[str, Any] = orjson.loads(seen.head)
    return head | orjson.loads(seen.rest) if seen.rest else head
