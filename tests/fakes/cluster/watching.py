"""Watches: changes of a collection as lines, seen through the selectors of a request."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson

from fakes.cluster.selectors import matches_fields, matches_labels
from fakes.cluster.store import Change, Collection, Reader, Stored


@dataclass(frozen=True, slots=True)
class View:
    """What of a collection a request wants to see."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""

    def shows(self, stored: Stored | None) -> bool:
        """Whether an object is in view."""
        return (
            stored is not None
            and (not self.namespace or stored.namespace == self.namespace)
            and matches_labels(self.labels, stored.labels)
            and matches_fields(self.fields, stored.manifest)
        )


@dataclass(slots=True)
class Disturbance:
    """What is wrong with the watches of a kind."""

    silent: bool = False
    """Nothing is sent while this is set."""
    bookmark_s: float = 30.0
    """A bookmark follows silence of this length."""
    doubled: bool = False
    """Every event is sent twice."""
    late_s: float = 0.0
    """Events come this much later."""
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: all streams of the kind end."""


def line_of(change: Change, view: View) -> bytes | None:
    """The event that a watch sees of a change; None where it sees nothing."""
    was, is_now = view.shows(change.before), view.shows(change.after)
    if is_now and change.after is not None:
        kind = b"MODIFIED" if was else b"ADDED"
        return b'{"type":"' + kind + b'","object":' + change.after.encoded + b"}\n"
    if not was or change.before is None:
        return None
    gone = change.after or change.before
    metadata = gone.manifest["metadata"] | {"resourceVersion": str(change.version)}
    body = orjson.dumps(gone.manifest | {"metadata": metadata})
    return b'{"type":"DELETED","object":' + body + b"}\n"


def bookmark(collection: Collection, version: int) -> bytes:
    """A bookmark: nothing happened up to this version."""
    resource = collection.resource
    mark = {
        "kind": resource.kind,
        "apiVersion": resource.group_version,
        "metadata": {"resourceVersion": str(version), "creationTimestamp": None},
    }
    return orjson.dumps({"type": "BOOKMARK", "object": mark}) + b"\n"


EXPIRED = orjson.dumps(
    {
        "type": "ERROR",
        "object": {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "too old resource version",
            "reason": "Expired",
            "code": 410,
        },
    }
)


async def stream(
    collection: Collection, view: View, since: int, disturbance: Disturbance
) -> AsyncIterator[bytes]:
    """Lines for a watch from version `since` on, several at once where several wait.

    Ends after a 410 when `since` was compacted, at the start or while it runs, and on `cut`.
    """
    reader = Reader(since)
    collection.readers.add(reader)
    try:
        async for lines in _lines(collection, view, reader, disturbance):
            yield lines
    finally:
        collection.readers.discard(reader)


async def _lines(
    collection: Collection, view: View, reader: Reader, disturbance: Disturbance
) -> AsyncIterator[bytes]:
    """The lines, while the reader stays."""
    position = _first_after(collection, reader.version)
    while True:
        changed = collection.changed
        if reader.version < collection.compacted or disturbance.cut.is_set():
            if reader.version < collection.compacted:
                yield EXPIRED + b"\n"
            return
        news = collection.history[position - collection.forgotten :]
        if news and not disturbance.silent:
            position += len(news)
            lines = [line for change in news if (line := line_of(change, view))]
            await asyncio.sleep(disturbance.late_s)
            if lines:
                yield b"".join(lines * 2 if disturbance.doubled else lines)
            reader.version = news[-1].version
        if await _is_quiet(changed, disturbance.bookmark_s):
            yield bookmark(collection, reader.version)


async def _is_quiet(changed: asyncio.Event, span_s: float) -> bool:
    """Wait for a change; whether none came in time."""
    try:
        async with asyncio.timeout(span_s):
            await changed.wait()
    except TimeoutError:
        return True
    return False


def _first_after(collection: Collection, since: int) -> int:
    """Number of the first change after a version, counted from the beginning of time."""
    low, high = 0, len(collection.history)
    while low < high:
        middle = (low + high) // 2
        if collection.history[middle].version <= since:
            low = middle + 1
        else:
            high = middle
    return collection.forgotten + low
