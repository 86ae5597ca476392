"""Reads frames of one socket: bounds, rates, and what each frame asks for."""

import asyncio
from typing import Any, Final, Protocol

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Receive
from codelab_core.protocol.commands import UserMessage
from codelab_core.protocol.frames import Ack, Auth, Hello, Ok, Ping, Pong
from codelab_core.settings import GatewaySettings
from codelab_gateway.commander import Command, error_frame
from codelab_gateway.frames import (
    ClientFrame,
    FrameBounds,
    parse_command,
    parse_hello,
    parse_object,
)
from codelab_gateway.limits import ConnectionLimits

MAX_PAUSE_S: Final = 5.0
_MALFORMED: Final = {Code.INVALID_FORMAT, Code.UNKNOWN_TYPE}


class LeftError(Exception):
    """The client has closed the socket, or it broke."""


class Owner(Protocol):
    """The connection that a reader reads for."""

    @property
    def is_plain(self) -> bool:
        """Whether the client speaks without `hello`."""

    def send(self, frame: bytes) -> None:
        """Answer the client."""

    def fail(self, error: CodelabError) -> None:
        """Close the connection with this error."""

    def applied(self, seq: int) -> None:
        """The client has applied events up to `seq`."""

    async def command(self, command: Command) -> None:
        """Something for the runtime. Raises the refusal of a rate limit."""

    def renew(self, auth: Auth) -> None:
        """A fresh token. Raises where it is not good, or another's."""

    async def start(self, hello: Hello | None) -> None:
        """Attach in this mode."""

    def received(self, kind: str) -> None:
        """Count a frame."""


class FrameReader:
    """One socket's frames, one at a time; nothing here waits for a turn."""

    def __init__(
        self, owner: Owner, settings: GatewaySettings, clock: Clock, receive: Receive
    ) -> None:
        self._owner = owner
        self._bounds = FrameBounds.of(settings)
        self._limits = ConnectionLimits(settings)
        self._clock = clock
        self._receive = receive
        self._plain_wait_s = settings.plain_wait_ms / 1000
        self._hello_timeout_s = settings.hello_timeout_s
        self._pending: dict[str, Any] | None = None
        self._is_first = True

    async def hello(self, *, required: bool) -> Hello | None:
        """The first frame where it is `hello`; `None`: this is a plain client.

        With `required` the client has offered version 1: no `hello` in time is `HELLO_TIMEOUT`.
        """
        wait = self._hello_timeout_s if required else self._plain_wait_s
        try:
            async with asyncio.timeout(wait):
                frame = await self._next()
        except TimeoutError as error:
            if required:
                raise CodelabError(Code.HELLO_TIMEOUT) from error
            return None
        if frame.get("type") == "hello":
            self._is_first = False
            self._owner.received("hello")
            return parse_hello(frame)
        if required:
            raise CodelabError(Code.HELLO_TIMEOUT)
        self._pending = frame
        return None

    async def run(self) -> None:
        """Frame after frame, until the client leaves (`LeftError`)."""
        while True:
            frame = self._pending or await self._next()
            self._pending = None
            try:
                await self._take(frame)
            except CodelabError as error:
                self._refuse(frame, error)
            self._is_first = False

    async def _next(self) -> dict[str, Any]:
        """The next frame that is a JSON object; others are answered and counted."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise LeftError
            text = message.get("text")
            try:
                await self._slow_down(len(text or message["bytes"]))
                return parse_object(text, self._bounds)
            except CodelabError as error:
                self._refuse({}, error)

    async def _slow_down(self, size: int) -> None:
        """Stop reading for a while where the client sends more than its rate."""
        pause = self._limits.received(size, self._clock.monotonic())
        if pause:
            await asyncio.sleep(min(pause, MAX_PAUSE_S))

    async def _take(self, frame: dict[str, Any]) -> None:
        """One frame."""
        if self._is_first and frame.get("type") == "hello":
            self._owner.received("hello")
            await self._owner.start(parse_hello(frame))
            return
        command = parse_command(frame, self._bounds, plain=self._owner.is_plain)
        self._owner.received(str(frame.get("type")))
        if command is not None:
            await self._obey(command)

    async def _obey(self, command: ClientFrame) -> None:
        """What a good frame asks for."""
        match command:
            case Ping():
                self._owner.send(Pong(t=command.t).encode())
            case Ack():
                self._owner.applied(command.seq)
            case Auth():
                self._owner.renew(command)
                self._owner.send(Ok(cid=command.cid).encode())
            case _:
                if isinstance(command, UserMessage) or command.type != "tool_result":
                    self._limits.command(self._clock.monotonic())
                await self._owner.command(command)

    def _refuse(self, frame: dict[str, Any], error: CodelabError) -> None:
        """Answer a bad frame; too many of them close the socket."""
        now = self._clock.monotonic()
        cid = frame.get("cid")
        fatal = error.code is Code.TOO_LARGE and error.reason == "frame"
        if error.code in _MALFORMED:
            fatal = self._limits.malformed(now)
        elif error.code is Code.RATE_LIMIT:
            fatal = self._limits.refused(now)
        if fatal or error.code is Code.FORBIDDEN:
            self._owner.fail(error)
        else:
            self._owner.send(error_frame(error, cid=cid if isinstance(cid, str) else None))
