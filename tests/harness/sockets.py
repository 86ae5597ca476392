"""Raw WebSocket clients of the tests: frames in, frames out, nothing hidden."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

Frame = dict[str, Any]
TIMEOUT_S = 10
DEFAULTS: dict[str, Any] = {
    "open_timeout": TIMEOUT_S,
    "close_timeout": 1,
    "proxy": None,
    "max_queue": None,  # else the close frame waits behind what a test has not read
}


class RawSocket:
    """One WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Frame] = []

    async def send(self, frame: Frame | str | bytes) -> None:
        """Send a frame; text and bytes as they are."""
        await self.socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def receive(self) -> Frame:
        """The next frame."""
        with anyio.fail_after(TIMEOUT_S):
            frame: Frame = json.loads(await self.socket.recv())
        self.seen.append(frame)
        return frame

    async def until(self, wanted: str | Callable[[Frame], bool]) -> Frame:
        """Read up to a frame of that type, or one that fits."""
        while True:
            frame = await self.receive()
            if frame["type"] == wanted if isinstance(wanted, str) else wanted(frame):
                return frame

    async def final(self) -> list[Frame]:
        """Frames up to and with the final one of the turn."""
        start = len(self.seen)
        await self.until(lambda frame: frame.get("is_final") is True)
        return self.seen[start:]

    async def hello(self, client_id: str = "c1", **fields: Any) -> Frame:
        """Speak version 1; the `welcome`."""
        hello = {"type": "hello", "version": 1, "client": {"id": client_id}}
        await self.send({**hello, **fields})
        return await self.until("welcome")

    async def closed(self) -> tuple[int, str]:
        """Wait for the close frame; its code and reason."""
        with anyio.fail_after(TIMEOUT_S):
            await self.socket.wait_closed()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[RawSocket]:
    """Connect; `options` are those of `websockets.connect`."""
    async with connect(url, **{**DEFAULTS, **options}) as socket:
        yield RawSocket(socket)


def text_of(frames: list[Frame]) -> str:
    """The text that a client assembles."""
    return "".join(f["token"] for f in frames if f["type"] == "assistant_message")


async def refusal(url: str, **options: Any) -> tuple[int, Frame, dict[str, str]]:
    """Connect to what refuses by HTTP: status, the fields of the error, headers by lower case."""
    with anyio.fail_after(TIMEOUT_S):
        try:
            async with opened(url, **options):
                raise AssertionError("the socket was accepted")
        except InvalidStatus as denied:
            response = denied.response
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            return response.status_code, json.loads(response.body)["error"], headers
