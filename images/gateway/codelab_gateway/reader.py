"""Reads frames of one socket: bounds, rates, and what each frame asks for."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Protocol

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Message, Receive
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
_FATAL: Final = {Code.FORBIDDEN, Code.UNSUPPORTED_VERSION}


class LeftError(Exception):
    """The client has closed the socket, or it broke."""


class Owner(Protocol):
    """The connection that a reader reads for."""

    @property
    def is_plain(self) -> bool:
        """Whether the client speaks without `hello`."""

    def begin(self, hello: Hello | None) -> None:
        """Attach in this mode, beside the reading."""

    def received(self, kind: str) -> None:
        """Count a frame."""

    def send(self, frame: bytes) -> None:
        """Answer the client."""

    def fail(self, error: CodelabError) -> None:
        """Close the connection with this error."""

    def applied(self, seq: int) -> None:
        """The client has applied events up to `seq`."""

    async def renew(self, auth: Auth) -> None:
        """A fresh token. Raises where it is not good, or another's."""

    async def command(self, command: Command) -> None:
        """Something for the runtime. Raises the refusal of a rate limit."""


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
        self._may_say_hello = True
        self._pause_s = 0.0

    async def hello(self, *, required: bool) -> Hello | None:
        """The first frame where it is `hello`; `None`: this is a plain client.

        With `required` the client has offered version 1: no `hello` in time is `HELLO_TIMEOUT`.
        """
        wait = self._hello_timeout_s if required else self._plain_wait_s
        try:
            async with asyncio.timeout(wait):
                return await self._first(required=required)
        except TimeoutError as error:
            if required:
                raise CodelabError(Code.HELLO_TIMEOUT) from error
            return None

    async def _first(self, *, required: bool) -> Hello | None:
        """The `hello`, or `None` for another frame; with `required` others are refused."""
        while True:
            frame = await self._next()
            if frame.get("type") != "hello" and not required:
                self._pending = frame
                return None
            try:
                return self._parsed_hello(frame)
            except CodelabError as error:
                if error.code in _FATAL:
                    raise
                self._refuse(frame, error)

    def _parsed_hello(self, frame: Mapping[str, Any]) -> Hello:
        """The client speaks version 1. Raises `UNSUPPORTED_VERSION`, `INVALID_FORMAT`."""
        hello = parse_hello(frame)
        self._may_say_hello = False
        self._owner.received("hello")
        return hello

    async def run(self) -> None:
        """Frame after frame, until the client leaves (`LeftError`)."""
        while True:
            frame = await self._next() if self._pending is None else self._pending
            self._pending = None
            try:
                await self._take(frame)
            except CodelabError as error:
                self._refuse(frame, error)

    async def _next(self) -> dict[str, Any]:
        """The next frame that is a JSON object; others are answered and counted."""
        while True:
            # Lets others have their turn between two frames, longer where this client is too fast.
            # A frame that was received is never behind it: there the first one could be lost.
            await asyncio.sleep(self._pause_s)
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise LeftError
            try:
                return self._parsed(message)
            except CodelabError as error:
                self._refuse({}, error)

    def _parsed(self, message: Message) -> dict[str, Any]:
        """The object in a frame, which counts by its bytes, good or not."""
        text: str | None = message.get("text")
        raw = None if text is None else text.encode("utf-8", "surrogatepass")
        size = len(message.get("bytes") or b"") if raw is None else len(raw)
        pause = self._limits.received(size, self._clock.monotonic())
        self._pause_s = min(pause, MAX_PAUSE_S)
        return parse_object(raw, self._bounds)

    async def _take(self, frame: dict[str, Any]) -> None:
        """One frame."""
        if self._may_say_hello and frame.get("type") == "hello":
            self._owner.begin(self._parsed_hello(frame))
            return
        command = parse_command(frame, self._bounds, plain=self._owner.is_plain)
        self._may_say_hello = False
        self._owner.received(str(frame["type"]))
        if command is not None:
            await self._obey(command)

    async def _obey(self, command: ClientFrame) -> None:
        """What a good frame asks for."""
        if command.type not in {"tool_result", "ack"}:
            self._limits.command(self._clock.monotonic())
        match command:
            case Ping():
                self._owner.send(Pong(t=command.t).encode())
            case Ack():
                self._owner.applied(command.seq)
            case Auth():
                await self._owner.renew(command)
                self._owner.send(Ok(cid=command.cid).encode())
            case _:
                await self._owner.command(command)

    def _refuse(self, frame: Mapping[str, Any], error: CodelabError) -> None:
        """Answer a bad frame; too many of them close the socket."""
        now = self._clock.monotonic()
        fatal = error.code in _FATAL or (error.code, error.reason) == (Code.TOO_LARGE, "frame")
        if error.code in _MALFORMED:
            fatal = self._limits.malformed(now)
        elif error.code is Code.RATE_LIMIT:
            fatal = self._limits.refused(now)
        if fatal:
            self._owner.fail(error)
            return
        ids = {name: frame.get(name) for name in ("cid", "call_id")}
        known = {name: value for name, value in ids.items() if isinstance(value, str)}
        self._owner.send(error_frame(error, **known))
