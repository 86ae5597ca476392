"""A runtime as the gateway sees it: a real HTTP server whose answers and faults a test scripts."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from codelab_core.middleware import Receive, Scope, Send
from codelab_core.server import bind, cancelled_at_end
from fakes.quick_server import quickly_served

EPOCH = "9f0c1d2e3a4b5c6d"
HANG = None
SSE = b"text/event-stream"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request gets; `status` 0: nothing, for ever."""

    status: int = 200
    body: Any = field(default_factory=dict)

    @classmethod
    def refusal(cls, status: int, code: str, reason: str | None = None) -> "Reply":
        """A refusal in the shape of ours."""
        error = {"code": code, "class": reason, "message": f"{code}."}
        return cls(status, {"error": error})


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of events: pieces at once, then what the test pushes, or its end."""

    pieces: tuple[bytes, ...] = ()
    then: Literal["live", "end", "cut"] = "live"


def event(seq: int, data: dict[str, Any] | None = None, epoch: str = EPOCH) -> bytes:
    """A log event as the runtime sends it."""
    body = data or {"type": "turn_started", "turn_id": f"t{seq}"}
    kind = body["type"]
    encoded = orjson.dumps({"type": kind, "seq": seq, **body})
    return b"id: %s:%d\ndata: %s\n\n" % (epoch.encode(), seq, encoded)


def control(kind: str, **fields: Any) -> bytes:
    """A control event: `attached`, `resync`, `drain`, `slow`, `gone`."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(fields))


def level(seq: int, epoch: str = EPOCH) -> bytes:
    """The comment that says where the log ends."""
    return b": head %s:%d\n\n" % (epoch.encode(), seq)


class FakeRuntime:
    """An ASGI application.

    `replies` maps the end of a path to answers, given one after the other, the last one again and
    again. `streams` are given to readers of events one after the other; later ones get a live one.
    `asked` is everything that came in.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.streams: deque[Stream | Reply] = deque()
        self.replies: dict[str, list[Reply]] = {
            "/attach": [Reply(200, {"status": "accepted", "epoch": EPOCH, "head": 0})],
            "/snapshot": [Reply(200, {"epoch": EPOCH, "seq": 0, "snapshot": {}})],
            "/access": [Reply(204, None)],
            "/ack": [Reply(204, None)],
        }
        self._held: dict[str, asyncio.Event] = {}
        self._live: list[asyncio.Queue[bytes]] = []
        self._changed = asyncio.Event()

    @property
    def readers(self) -> int:
        """Live streams that somebody reads."""
        return len(self._live)

    def push(self, *pieces: bytes) -> None:
        """Send to every reader of a live stream."""
        for queue in self._live:
            queue.put_nowait(b"".join(pieces))

    def hold(self, end: str) -> asyncio.Event:
        """Answer requests for paths with this end only once the event is set."""
        return self._held.setdefault(end, asyncio.Event())

    def of(self, end: str) -> list[Asked]:
        """Requests for paths with this end."""
        return [asked for asked in self.asked if asked.path.endswith(end)]

    async def until(self, end: str, count: int = 1) -> list[Asked]:
        """Wait for so many requests for paths with this end; 5 s at most."""
        await self.settled(lambda: len(self.of(end)) >= count)
        return self.of(end)

    async def settled(self, fits: Any) -> None:
        """Wait until something has become true that a request or a reader changes."""
        async with asyncio.timeout(5):
            while not fits():
                self._changed.clear()
                await self._changed.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message.get("body", b"")
        path = scope["raw_path"].decode()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query, parsed = scope["query_string"].decode(), orjson.loads(body) if body else None
        self.asked.append(Asked(scope["method"], path, query, headers, parsed))
        self._changed.set()
        for end, release in self._held.items():
            if path.endswith(end):
                await release.wait()
        if path.endswith("/events"):
            stream = self.streams.popleft() if self.streams else Stream()
            if isinstance(stream, Stream):
                await self._stream(stream, receive, send)
                return
            reply = stream
        else:
            reply = self._reply(path)
        if reply.status:
            await _answer(reply, send)
        else:
            await _until_left(receive)

    def _reply(self, path: str) -> Reply:
        """The next answer for a path."""
        for end, replies in self.replies.items():
            if path.endswith(end):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return Reply()

    async def _stream(self, stream: Stream, receive: Receive, send: Send) -> None:
        """Send events until the reader leaves."""
        headers = [(b"content-type", SSE)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in (b": hello\n\n", *stream.pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if stream.then == "cut":
            raise ConnectionAbortedError
        if stream.then == "live":
            await self._follow(receive, send)
        await send({"type": "http.response.body", "body": b""})

    async def _follow(self, receive: Receive, send: Send) -> None:
        """Pass on what is pushed; `b""` ends the stream."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._live.append(queue)
        self._changed.set()
        try:
            async with cancelled_at_end() as tasks:
                left = tasks.create_task(_until_left(receive))
                left.add_done_callback(lambda _: queue.put_nowait(b""))
                while piece := await queue.get():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            self._live.remove(queue)
            self._changed.set()


async def _answer(reply: Reply, send: Send) -> None:
    """One whole answer."""
    body = b"" if reply.body is None else orjson.dumps(reply.body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _until_left(receive: Receive) -> None:
    """Wait until the caller is gone."""
    while (await receive())["type"] != "http.disconnect":
        continue


@asynccontextmanager
async def fake_runtime(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[FakeRuntime]:
    """A fake, served until the block ends."""
    fake = FakeRuntime()
    listener = bind(host, port)
    fake.url = f"http://{host}:{listener.getsockname()[1]}"
    async with quickly_served(fake, listener):
        yield fake
