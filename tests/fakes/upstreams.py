"""Servers that speak the dialects of providers on real sockets, and misbehave where told to.

One `Play` per request, in order; the last one is for all that follow.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"
REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 429: "Too Many"}

Fault = Literal["", "hang", "cut", "reset", "idle-close"]
"""What happens after the last piece instead of a proper end of the body.

`idle-close`: a proper end; the connection is closed when the next request comes, unanswered.
"""


@dataclass(frozen=True)
class Play:
    """One answer: `pieces` are written one by one, `pause_s` before each.

    Status 0 writes no header: a `fault` strikes at once.
    """

    pieces: tuple[bytes, ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media: str = SSE
    fault: Fault = ""
    pause_s: float = 0.0


def refusal(status: int, body: Any, **headers: str) -> Play:
    """An answer that is an error; header names have `_` for `-`."""
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Play((text,), status, named, "application/json")


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the body."""
        decoded: dict[str, Any] = orjson.loads(self.raw)
        return decoded


Actor = Callable[[Asked], Play]
"""Makes up the answer to a request."""


class Upstream:
    """One server; `left` counts callers that closed before their answer was over."""

    def __init__(self, plays: "Iterable[Play | Actor]") -> None:
        self.plays = [*plays]
        self.asked: list[Asked] = []
        self.connections = 0
        self.left = 0
        self.port = 0
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until_left(self, count: int = 1) -> None:
        """Wait until so many callers have gone."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.left >= count)

    async def until_asked(self, count: int = 1) -> None:
        """Wait until so many requests came."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._requests(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All requests of a connection."""
        closes_next = False
        while asked := await _read(reader):
            if closes_next:
                return
            self.asked.append(asked)
            next_one = self.plays[0] if len(self.plays) == 1 else self.plays.pop(0)
            play = next_one if isinstance(next_one, Play) else next_one(asked)
            await self._note()
            is_left = await self._play(play, reader, writer)
            if is_left or play.fault in {"cut", "reset", "hang"}:
                return
            closes_next = play.fault == "idle-close"

    async def _play(
        self, play: Play, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One answer; whether the caller left before its end."""
        if play.status:
            writer.write(_head(play))
        for piece in play.pieces:
            if play.pause_s and await self._is_left(reader, play.pause_s):
                return True
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        await writer.drain()
        if play.fault == "hang":
            return await self._is_left(reader, 30)
        if play.fault == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif play.fault != "cut":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return False

    async def _is_left(self, reader: asyncio.StreamReader, seconds: float) -> bool:
        """Wait; whether the caller closed meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                gone = await reader.read(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            gone = True
        self.left += gone
        await self._note()
        return gone

    async def _note(self) -> None:
        """Wake those who wait."""
        async with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Drop every connection."""
        for writer in self._writers:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """The next request of a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.partition(": ") for line in lines if line)
    headers = {name.lower(): value for name, _, value in pairs}
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, raw)


def _head(play: Play) -> bytes:
    """Status line and headers."""
    named = {"Content-Type": play.media, "Transfer-Encoding": "chunked", **play.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {play.status} {REASONS.get(play.status, 'X')}\r\n{lines}\r\n".encode()


@asynccontextmanager
async def upstream(*plays: Play | Actor) -> AsyncIterator[Upstream]:
    """A server until the block ends."""
    acting = Upstream(plays)
    server = await asyncio.start_server(acting.serve, "127.0.0.1", 0)
    acting.port = server.sockets[0].getsockname()[1]
    try:
        yield acting
    finally:
        server.close()
        acting.close()
        await server.wait_closed()
