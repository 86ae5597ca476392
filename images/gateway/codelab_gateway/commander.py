"""Commands of one connection on their way to the runtime: in order, under their `cid`."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from codelab_core.clock import random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.commands import Cancel, HitlDecision, ToolResult, UserMessage
from codelab_core.protocol.events import ErrorFrame
from codelab_core.protocol.frames import Mode, Ok
from codelab_gateway.handshake import Party
from codelab_gateway.runtime_client import RuntimeClient

MAX_WAITING: Final = 256
MAX_WAITING_BYTES: Final = 4 * 1_048_576
ROOM_TIMEOUT_S: Final = 5.0
"""Longest time that the reader waits for room; longer would starve the socket's pongs."""
ATTACH_TIMEOUT_S: Final = 5.0

Command = UserMessage | ToolResult | HitlDecision | Cancel


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command, encoded: as values, 1 MiB of JSON may take 30 MiB of memory.

    `content_id` is the id that a plain client's message gets from its content, if it has one.
    """

    kind: str
    message: bytes
    cid: str | None = None
    call_id: str | None = None
    content_id: str | None = None

    @classmethod
    def of(cls, command: Command) -> "Waiting":
        """Encode a command."""
        fields = command.given()
        cid, call_id = fields.pop("cid", None), fields.get("call_id")
        return cls(command.type, orjson.dumps(fields), cid, call_id, content_id(command))


@dataclass(frozen=True, slots=True)
class Acked:
    """The connection has applied, or was sent, events up to `seq`."""

    seq: int


class Commander:
    """Posts commands in order; every one with a `cid` is answered by `ok` or `error`."""

    def __init__(self, client: RuntimeClient, answer: Callable[[bytes], None]) -> None:
        self._client = client
        self._answer = answer
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._acked: Acked | None = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._party: Party | None = None
        self._is_attached = asyncio.Event()

    def attached(self, party: Party) -> None:
        """Commands are this party's from now on."""
        self._party = party
        self._is_attached.set()
        self._changed.set()

    async def put(self, command: Command) -> None:
        """Send a command some time; waits while 256 commands or 4 MiB are under way.

        Raises `RATE_LIMIT`/inbox_full after 5 s without room.
        """
        waiting = Waiting.of(command)
        try:
            async with asyncio.timeout(ROOM_TIMEOUT_S):
                while not self._has_room(len(waiting.message)):
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            raise CodelabError(Code.RATE_LIMIT, "inbox_full", retry_after_ms=1000) from None
        self._bytes += len(waiting.message)
        self._waiting.append(waiting)
        self._changed.set()

    def _has_room(self, size: int) -> bool:
        """Whether one more command may wait; a large one may always wait alone."""
        if not self._waiting:
            return True
        return len(self._waiting) < MAX_WAITING and self._bytes + size <= MAX_WAITING_BYTES

    def ack(self, seq: int) -> None:
        """Tell the runtime how far the client is; a later number says more than an earlier one."""
        if self._acked is None or seq > self._acked.seq:
            self._acked = Acked(seq)
        self._changed.set()

    async def run(self) -> None:
        """Post until cancelled. What cannot be attached in 5 s is answered by `UNAVAILABLE`."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting or (self._acked and self._party):
                await self._post_next()

    async def _post_next(self) -> None:
        """The acknowledgement, which starts deadlines, else the first command."""
        if self._acked and self._party:
            acked, self._acked = self._acked, None
            await self._post_ack(acked, self._party)
            return
        waiting = self._waiting[0]
        try:
            await self._post(waiting, await self._joined())
        except CodelabError as error:
            self._refused(waiting, error)
        self._waiting.popleft()
        self._bytes -= len(waiting.message)
        self._room.set()

    async def _joined(self) -> Party:
        """Who speaks here. Raises `UNAVAILABLE`/agent where no runtime has taken us in time."""
        try:
            async with asyncio.timeout(ATTACH_TIMEOUT_S):
                await self._is_attached.wait()
        except TimeoutError:
            pass
        if self._party is None:
            raise CodelabError(Code.UNAVAILABLE, "agent", retry_after_ms=1000)
        return self._party

    async def _post_ack(self, acked: Acked, party: Party) -> None:
        """Nobody waits for the outcome: the next one says more."""
        body = {"connection_id": party.connection_id, "seq": acked.seq}
        try:
            await self._send("/ack", party, body)
        except CodelabError:
            return

    async def _post(self, waiting: Waiting, party: Party) -> None:
        """One request and its answer."""
        if waiting.kind == "tool_result" and party.role == "observer":
            raise CodelabError(Code.FORBIDDEN, "role")
        body = {
            "client_id": party.client_id,
            "connection_id": party.connection_id,
            "cid": command_id(waiting, party.mode),
            "message": orjson.Fragment(waiting.message),
        }
        answer = await self._send("/message", party, body)
        if waiting.cid and party.mode == "v1":
            self._answer(_ok(waiting.cid, answer))

    async def _send(self, path: str, party: Party, body: dict[str, Any]) -> dict[str, Any]:
        """Post for the session of this connection."""
        body = {"session_id": party.session_id, **body}
        return await self._client.command(path, party.session_id, party.principal, body)

    def _refused(self, waiting: Waiting, error: CodelabError) -> None:
        """Tell the client; plain clients repeat results without harm (P17)."""
        is_plain = self._party is not None and self._party.mode == "plain"
        if error.code is not Code.ALREADY_ANSWERED or not is_plain:
            self._answer(error_frame(error, cid=waiting.cid, call_id=waiting.call_id))


def content_id(command: Command) -> str | None:
    """The id of a message by what it says: the same for the same message, `None` without an id."""
    if not isinstance(command, UserMessage) or not command.message_id:
        return None
    name = f"{command.message_id}\n{command.content}".encode()
    return f"p:{hashlib.sha256(name).hexdigest()[:24]}"


def command_id(waiting: Waiting, mode: Mode) -> str:
    """The id that makes a repetition harmless: the client's own, or, plain, one of the content."""
    if waiting.cid:
        return waiting.cid
    if mode == "plain" and waiting.content_id:
        return waiting.content_id
    return f"g-{random_hex(24)}"


def _ok(cid: str, answer: dict[str, Any]) -> bytes:
    """The frame that says that a command is durable."""
    flags = {name: True for name in ("duplicate", "late", "noop") if answer.get(name)}
    ids = {name: answer[name] for name in ("turn_id", "message_id") if answer.get(name)}
    return Ok(cid=cid, **flags, **ids).encode()


def error_frame(
    error: CodelabError, *, cid: str | None = None, call_id: str | None = None
) -> bytes:
    """A failure, for this connection only."""
    return ErrorFrame(
        code=str(error.code),
        class_=error.reason,
        message=error.message,
        content=error.message,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        details=error.details or None,
        cid=cid,
        call_id=call_id,
    ).encode()
