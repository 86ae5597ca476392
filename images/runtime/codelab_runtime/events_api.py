"""The events of a session as server-sent events: any session on any pod, from any position.

Raw ASGI: hot on every token (benchmarks/token_path.py).
"""

import asyncio
import logging
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Receive, Scope, Send, header
from codelab_core.protocol.events import Snapshot
from codelab_core.service import answer_error
from codelab_core.sse import comment, render
from codelab_runtime.following import followed
from codelab_runtime.snapshots import Snapshots
from codelab_runtime.store import Store
from codelab_runtime.tail import Stream, Tail
from codelab_runtime.tails import Tails

HEAD_S: Final = 10.0
HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_POSITION: Final = re.compile(rb"([!-9;-~]{0,64}):([0-9]{1,14})")
_REASONS: Final = {"EPOCH": "epoch_changed", "TRIMMED": "trimmed"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a reader wants to begin: after a position, or `start`, `head`, `pending`."""

    epoch: str = ""
    after: int = 0
    place: str = ""

    @classmethod
    def parse(cls, scope: Scope) -> "Start":
        """From `Last-Event-ID: <epoch>:<seq>` or `?after=`, else `?from=`; default `start`.

        Raises `INVALID_REQUEST`/body for anything else.
        """
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = header(scope, b"last-event-id") or query.get("after", [""])[0].encode("latin-1")
        if given:
            match = _POSITION.fullmatch(given)
            if not match:
                raise CodelabError(Code.INVALID_REQUEST, "body", message="not <epoch>:<seq>")
            return cls(match[1].decode(), int(match[2]))
        place = query.get("from", ["start"])[0]
        if place not in {"start", "head", "pending"}:
            raise CodelabError(Code.INVALID_REQUEST, "body", message="from: start, head or pending")
        return cls(place=place)


class EventsApi:
    """`GET /agent/sessions/{session_id}/events`."""

    def __init__(self, store: Store, tails: Tails, snapshots: Snapshots) -> None:
        self._store = store
        self._tails = tails
        self._snapshots = snapshots
        self._streams: set[Stream] = set()
        self._is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the stream, or with a problem."""
        session_id = scope["path_params"]["session_id"]
        principal = (header(scope, b"x-principal") or b"internal").decode("latin-1")
        try:
            self._check_draining()
            start = Start.parse(scope)
            async with self._tails.using(session_id, principal) as tail:
                first, after = await self._beginning(tail, start)
                await self._serve(tail, first, after, (receive, send))
        except CodelabError as error:
            await (await answer_error(Request(scope), error))(scope, receive, send)

    def _check_draining(self) -> None:
        """Raise `UNAVAILABLE`/draining when this process is going away."""
        if self._is_draining:
            raise CodelabError(Code.UNAVAILABLE, "draining", retry_after_ms=0)

    async def _serve(
        self, tail: Tail, first: bytes, after: int, ends: tuple[Receive, Send]
    ) -> None:
        """The control events, history, then live events, until the reader leaves."""
        receive, send = ends
        stream = Stream()
        heartbeat = _Heartbeat(tail, stream)
        self._streams.add(stream)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await _write(send, first)
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write_all(tail, stream, after, send))
                watcher = tasks.create_task(_gone(receive))
                await asyncio.wait({writer, watcher}, return_when=asyncio.FIRST_COMPLETED)
                writer.cancel()
                watcher.cancel()
        finally:
            heartbeat.stop()
            self._streams.discard(stream)

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
        """Write frames until the stream is over; then the reader comes back with its position."""
        try:
            async with aclosing(followed(self._store, tail, stream, after)) as pieces:
                async for piece in pieces:
                    await _write(send, piece)
        except CodelabError as error:
            log.info("event stream cut", extra={"code": str(error)})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def drain(self) -> None:
        """End all streams, take no more: readers reopen them elsewhere, from their position."""
        self._is_draining = True
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
