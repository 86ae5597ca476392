"""Objects of the fake cluster, their versions, and the history that watches read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from codelab_core.clock import SYSTEM_CLOCK, rfc3339
from fakes.cluster.fields import Tree
from fakes.cluster.kinds import Resource

Json = Any


class Owner(NamedTuple):
    """Who claims fields: a manager, how it wrote, and on which subresource."""

    manager: str
    operation: str
    subresource: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object; `manifest` is without `managedFields` and is never changed."""

    manifest: Json
    owners: dict[Owner, Tree]
    encoded: bytes = b""

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.manifest["metadata"].get("namespace", ""))

    @property
    def uid(self) -> str:
        return str(self.manifest["metadata"]["uid"])

    @property
    def version(self) -> int:
        return int(self.manifest["metadata"]["resourceVersion"])

    @property
    def labels(self) -> dict[str, str]:
        return self.manifest["metadata"].get("labels") or {}


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a collection: an object before and after; one of them may be absent."""

    version: int
    before: Stored | None
    after: Stored | None


@dataclass(slots=True, eq=False)
class Reader:
    """A running watch, and the version up to which it was sent everything."""

    version: int


@dataclass(slots=True)
class Collection:
    """All objects of one kind, and what happened to them since `compacted`."""

    resource: Resource
    objects: dict[tuple[str, str], Stored] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    compacted: int = 0
    """Watches from an older version get 410."""
    forgotten: int = 0
    """Changes that were cut from the front of `history`."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    readers: set[Reader] = field(default_factory=set)

    @property
    def is_read(self) -> bool:
        """Every watch that runs was sent everything."""
        last = self.history[-1].version if self.history else 0
        return all(reader.version >= last for reader in self.readers)


def stamp() -> str:
    """The time now, in whole seconds as the API has it."""
    return rfc3339(SYSTEM_CLOCK.wall_ms())[:19] + "Z"


def encode(stored: Stored) -> bytes:
    """An object as clients get it."""
    entries = [
        {
            "manager": owner.manager,
            "operation": owner.operation,
            "apiVersion": stored.manifest["apiVersion"],
            "fieldsType": "FieldsV1",
            "fieldsV1": tree,
        }
        | ({"subresource": owner.subresource} if owner.subresource else {})
        for owner, tree in stored.owners.items()
    ]
    metadata = stored.manifest["metadata"] | {"managedFields": entries}
    return orjson.dumps(stored.manifest | {"metadata": metadata})


class Store:
    """Collections by group version and plural; one counter of versions for all."""

    def __init__(self, resources: tuple[Resource, ...]) -> None:
        self.collections = {(r.group_version, r.plural): Collection(r) for r in resources}
        self.version = 1000
        self.listeners: list[Callable[[Collection, Change], None]] = []
        self.dead: set[str] = set()
        """Uids of objects that are gone: what they own goes too."""

    def serve(self, resource: Resource) -> None:
        """Serve one more kind, as if its definition had been installed."""
        self.collections.setdefault((resource.group_version, resource.plural), Collection(resource))

    def resources(self) -> list[Resource]:
        """All kinds that are served."""
        return [collection.resource for collection in self.collections.values()]

    def of(self, kind: str) -> Collection:
        """The collection of a kind."""
        return next(c for c in self.collections.values() if c.resource.kind == kind)

    def commit(self, collection: Collection, stored: Stored) -> Stored:
        """Make an object's new version the current one."""
        self.version += 1
        metadata = stored.manifest["metadata"] | {"resourceVersion": str(self.version)}
        stored = Stored(stored.manifest | {"metadata": metadata}, stored.owners)
        stored = Stored(stored.manifest, stored.owners, encode(stored))
        key = stored.namespace, stored.name
        before = collection.objects.get(key)
        collection.objects[key] = stored
        self._record(collection, Change(self.version, before, stored))
        return stored

    def drop(self, collection: Collection, stored: Stored) -> None:
        """Remove an object."""
        self.version += 1
        del collection.objects[stored.namespace, stored.name]
        self.dead.add(stored.uid)
        self._record(collection, Change(self.version, stored, None))

    def compact(self, collection: Collection) -> None:
        """Forget what happened: older watches get 410, running ones end."""
        collection.forgotten += len(collection.history)
        collection.history.clear()
        self.version += 1
        collection.compacted = self.version
        self._wake(collection)

    def _record(self, collection: Collection, change: Change) -> None:
        """Keep a change for watches and tell those who act on it."""
        collection.history.append(change)
        self._wake(collection)
        for listener in self.listeners:
            listener(collection, change)

    @staticmethod
    def _wake(collection: Collection) -> None:
        """Wake all watches of a kind."""
        collection.changed.set()
        collection.changed = asyncio.Event()
