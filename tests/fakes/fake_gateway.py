"""A gateway that plays a script: a real WebSocket server that sends what a test says."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Frame = dict[str, Any]
WELCOME: Frame = {
    "type": "welcome",
    "version": 1,
    "session_id": "s",
    "connection_id": "x1",
    "epoch": "e1",
    "head": 0,
    "replay": "none",
    "heartbeat_ms": 15000,
    "limits": {"max_frame_bytes": 1, "max_user_message_chars": 1, "max_queued_messages": 1},
    "server": {"name": "fake", "version": "0"},
}


class Talk:
    """One socket, from the server's side. `frames` are those received, acks aside."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []
        self.acks: list[int] = []

    async def send(self, *frames: Frame) -> None:
        for frame in frames:
            await self.socket.send(json.dumps(frame))

    async def receive(self, kind: str) -> Frame:
        """The next frame of a type; others before it are kept."""
        while True:
            frame = await self._next()
            if frame["type"] == kind:
                return frame

    async def receive_any(self) -> Frame:
        """The next frame that is no ack."""
        while True:
            frame = await self._next()
            if frame["type"] != "ack":
                return frame

    async def _next(self) -> Frame:
        """One frame, kept."""
        frame: Frame = json.loads(await self.socket.recv())
        if frame["type"] == "ack":
            self.acks.append(frame["seq"])
        else:
            self.frames.append(frame)
        return frame

    async def welcome(self, **fields: Any) -> Frame:
        """Answer the `hello`, and return it."""
        hello = await self.receive("hello")
        await self.send({**WELCOME, **fields})
        return hello

    async def stay(self) -> None:
        """Keep the socket open until somebody closes it."""
        await self.socket.wait_closed()

    async def ok(self, command: Frame, **fields: Any) -> None:
        await self.send({"type": "ok", "cid": command["cid"], **fields})


class FakeGateway:
    """`talks` are the sockets that came, oldest first."""

    def __init__(self) -> None:
        self.url = ""
        self.talks: list[Talk] = []
        self.headers: list[str | None] = []
        self.refuse: tuple[int, str] | None = None


Script = Callable[[Talk], Awaitable[None]]


@asynccontextmanager
async def fake_gateway(*scripts: Script) -> AsyncIterator[FakeGateway]:
    """Serve; the n-th socket gets the n-th script, later ones the last."""
    gateway = FakeGateway()

    async def talk(socket: ServerConnection) -> None:
        gateway.talks.append(Talk(socket))
        script = scripts[min(len(gateway.talks), len(scripts)) - 1]
        with suppress(ConnectionClosed):
            await script(gateway.talks[-1])

    def admit(socket: ServerConnection, request: Request) -> Response | None:
        gateway.headers.append(request.headers.get("Authorization"))
        if gateway.refuse:
            return socket.respond(*gateway.refuse)
        return socket.respond(200, "{}") if request.path == "/health/ready" else None

    async with serve(talk, "127.0.0.1", 0, process_request=admit) as server:
        gateway.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield gateway
