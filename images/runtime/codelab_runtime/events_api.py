"""The events of a session as server-sent events: any session on any pod, from any position.

Raw ASGI: hot on every token (benchmarks/token_path.py).
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request

from codelab_core.errors import CodelabError
from codelab_core.middleware import Receive, Scope, Send, header
from codelab_core.protocol.events import Snapshot
from codelab_core.service import answer_error
from codelab_core.sse import comment, render
from codelab_runtime.snapshots import Snapshots
from codelab_runtime.store import Store
from codelab_runtime.tail import Stream, Tail
from codelab_runtime.tails import PAGE, Tails

HEAD_S: Final = 10.0
HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_REASONS: Final = {"EPOCH": "epoch_changed", "TRIMMED": "trimmed"}


@dataclass(frozen=True, slots=True)
class Start:
    """Where a reader wants to begin: after a position, or `start`, `head`, `pending`."""

    epoch: str = ""
    after: int = 0
    place: str = ""

    @classmethod
    def parse(cls, scope: Scope) -> "Start":
        """From `Last-Event-ID: <epoch>:<seq>` or `?after=`, else `?from=`; default `start`."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = header(scope, b"last-event-id") or query.get("after", [""])[0].encode("latin-1")
        epoch, colon, seq = given.decode("latin-1").partition(":")
        if colon and seq.isdecimal():
            return cls(epoch, int(seq))
        return cls(place=query.get("from", ["start"])[0])


class EventsApi:
    """`GET /agent/sessions/{session_id}/events`."""

    def __init__(self, store: Store, tails: Tails, snapshots: Snapshots) -> None:
        self._store = store
        self._tails = tails
        self._snapshots = snapshots
        self._streams: set[Stream] = set()
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the stream, or with a problem."""
        session_id = scope["path_params"]["session_id"]
        principal = (header(scope, b"x-principal") or b"internal").decode("latin-1")
        try:
            async with self._tails.using(session_id, principal) as tail:
                await self._serve(tail, Start.parse(scope), receive, send)
        except CodelabError as error:
            await (await answer_error(Request(scope), error))(scope, receive, send)

    async def _serve(self, tail: Tail, start: Start, receive: Receive, send: Send) -> None:
        """Head, history, then live events, until the reader leaves."""
        stream = Stream()
        first, after = await self._beginning(tail, start)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await _write(send, first)
        self._streams.add(stream)
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write_all(tail, stream, after, send))
                watcher = tasks.create_task(_gone(receive))
                await asyncio.wait({writer, watcher}, return_when=asyncio.FIRST_COMPLETED)
                writer.cancel()
                watcher.cancel()
        finally:
            self._streams.discard(stream)
            tail.streams.discard(stream)

    async def _beginning(self, tail: Tail, start: Start) -> tuple[bytes, int]:
        """The control events that come first, and the position after which events follow."""
        if start.place == "head":
            return _attached(tail, "none"), tail.last
        if start.place == "pending":
            return await self._resync(tail, "first_attach")
        page = await self._store.tail(tail.session_id, start.epoch, start.after, 1)
        if page.status == "OK":
            return _attached(tail, "tail"), start.after
        return await self._resync(tail, _REASONS.get(page.status, "ahead"))

    async def _resync(self, tail: Tail, reason: str) -> tuple[bytes, int]:
        """A fresh start: the whole view, then what comes after it."""
        snapshot, seq = await self._snapshots.of(tail.session_id)
        control = render(_resync_body(tail, seq, reason, snapshot), kind=b"resync")
        return _attached(tail, "snapshot") + control, seq

    async def _write_all(self, tail: Tail, stream: Stream, after: int, send: Send) -> None:
        """History until the ring is reached, then whatever comes."""
        while not tail.join(stream, after):
            page = await self._store.tail(tail.session_id, tail.epoch, after, PAGE)
            frames = [
                render(event, event_id=b"%b:%d" % (tail.epoch.encode(), seq))
                for seq, event in enumerate(page.events, after + 1)
            ]
            await _write(send, b"".join(frames))
            after += len(frames)
        heartbeat = _Heartbeat(tail, stream)
        try:
            await _follow(stream, send)
        finally:
            heartbeat.stop()

    def drain(self) -> None:
        """End all streams: their readers reopen them elsewhere, from their position."""
        self.draining = True
        for stream in list(self._streams):
            stream.push(b"retry: 0\nevent: drain\ndata: {}\n\n")
            stream.end()


class _Heartbeat:
    """Tells the reader every 10 s where the log stands, also while nothing happens."""

    def __init__(self, tail: Tail, stream: Stream) -> None:
        self._tail = tail
        self._stream = stream
        self._timer = asyncio.get_running_loop().call_later(HEAD_S, self._beat)

    def _beat(self) -> None:
        self._stream.push(comment(f"head {self._tail.epoch}:{self._tail.last}".encode()))
        self._timer = asyncio.get_running_loop().call_later(HEAD_S, self._beat)

    def stop(self) -> None:
        """No more beats."""
        self._timer.cancel()


async def _follow(stream: Stream, send: Send) -> None:
    """Write what comes; a reader that is too slow is cut and resumes from the log."""
    while True:
        waiting = await stream.take()
        if stream.slow:
            waiting += b"event: slow\ndata: {}\n\n"
        over = stream.slow or stream.ended
        if waiting or over:
            await send({"type": "http.response.body", "body": waiting, "more_body": not over})
        if over:
            return


async def _gone(receive: Receive) -> None:
    """Return when the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, part: bytes) -> None:
    """One more piece of the response."""
    await send({"type": "http.response.body", "body": part, "more_body": True})


def _attached(tail: Tail, replay: str) -> bytes:
    """The first control event."""
    body = {"epoch": tail.epoch, "head": tail.last, "replay": replay}
    return render(orjson.dumps(body), kind=b"attached")


def _resync_body(tail: Tail, seq: int, reason: str, snapshot: Snapshot) -> bytes:
    """The fields of a `resync` frame."""
    body: dict[str, Any] = {"epoch": tail.epoch, "seq": seq, "reason": reason}
    return orjson.dumps(body | {"snapshot": snapshot.model_dump(exclude_none=True)})
