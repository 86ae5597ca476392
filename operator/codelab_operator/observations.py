"""What the streams delivered: agents and their children, with our own writes laid over. Pure.

Objects are kept as JSON: a thousand agents are sixteen thousand objects. Of two versions of an
object the later one wins, so an answer to our own write stands until the stream has caught up.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from codelab_operator.api_group import AGENT_LABEL
from codelab_operator.children import Manifest, ObjectKey
from codelab_operator.kinds import AGENT

NOT_KEPT: Final = ("managedFields", "selfLink")


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
    body: bytes


@dataclass(frozen=True, slots=True)
class Observation:
    """An agent, absent when None, and every child that carries its label."""

    resource: Manifest | None
    children: Mapping[ObjectKey, Manifest]


def sighting(manifest: Mapping[str, Any]) -> Sighting:
    """An object made compact; `managedFields` are dropped.

    Raises `KeyError` for what is no namespaced object.
    """
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in NOT_KEPT}
    kind, name = str(manifest["kind"]), str(metadata["name"])
    key = ObjectKey(str(manifest["apiVersion"]), kind, str(metadata["namespace"]), name)
    labels = metadata.get("labels") or {}
    agent = name if kind == AGENT.name else str(labels.get(AGENT_LABEL, ""))
    body = orjson.dumps({**manifest, "metadata": metadata})
    return Sighting(key, agent, str(metadata["uid"]), int(metadata["resourceVersion"]), body)


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
        children = {k: orjson.loads(self._seen[k].body) for k in self._children.get(key, ())}
        return Observation(orjson.loads(resource.body) if resource else None, children)

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
