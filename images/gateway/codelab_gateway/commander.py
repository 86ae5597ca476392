"""Commands of one connection on their way to the runtime: in order, under their `cid`."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from codelab_core.clock import random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.commands import Cancel, HitlDecision, ToolResult, UserMessage
from codelab_core.protocol.events import ErrorFrame
from codelab_core.protocol.frames import Ok
from codelab_gateway.handshake import Party
from codelab_gateway.runtime_client import RuntimeClient

MAX_WAITING: Final = 256

Command = UserMessage | ToolResult | HitlDecision | Cancel


@dataclass(frozen=True, slots=True)
class Acked:
    """The connection has applied, or was sent, events up to `seq`."""

    seq: int


class Commander:
    """Posts commands in order; every one with a `cid` is answered by `ok` or `error`.

    The reader of the socket waits only when 256 commands are waiting here.
    """

    def __init__(self, client: RuntimeClient, answer: Callable[[bytes], None]) -> None:
        self._client = client
        self._answer = answer
        self._waiting: asyncio.Queue[Command | Acked] = asyncio.Queue(MAX_WAITING)
        self._party: Party | None = None
        self._is_attached = asyncio.Event()

    def attached(self, party: Party) -> None:
        """Commands are this party's from now on."""
        self._party = party
        self._is_attached.set()

    async def put(self, command: Command) -> None:
        """Send a command some time."""
        await self._waiting.put(command)

    def ack(self, seq: int) -> None:
        """Tell the runtime how far the client is; one too many is dropped, the next says more."""
        if not self._waiting.full():
            self._waiting.put_nowait(Acked(seq))

    async def run(self) -> None:
        """Post until cancelled; nothing is sent before the connection is attached."""
        await self._is_attached.wait()
        while True:
            command = await self._waiting.get()
            party = self._party
            if party is None:
                continue
            try:
                await self._post(command, party)
            except CodelabError as error:
                self._refused(command, party, error)

    async def _post(self, command: Command | Acked, party: Party) -> None:
        """One request and its answer."""
        if isinstance(command, Acked):
            body = {"connection_id": party.connection_id, "seq": command.seq}
            await self._send("/ack", party, body)
            return
        if isinstance(command, ToolResult) and party.role == "observer":
            raise CodelabError(Code.FORBIDDEN, "role")
        message = command.model_dump(exclude={"cid"}, exclude_none=True)
        if isinstance(command, ToolResult) and command.result is not None:
            message["result"] = command.result  # a null inside a result is a value
        body = {
            "client_id": party.client_id,
            "connection_id": party.connection_id,
            "cid": command_id(command, party),
            "message": message,
        }
        answer = await self._send("/message", party, body)
        if command.cid and party.mode == "v1":
            self._answer(_ok(command.cid, answer))

    async def _send(self, path: str, party: Party, body: dict[str, Any]) -> dict[str, Any]:
        """Post for the session of this connection."""
        body = {"session_id": party.session_id, **body}
        return await self._client.command(path, party.session_id, party.principal, body)

    def _refused(self, command: Command | Acked, party: Party, error: CodelabError) -> None:
        """Tell the client; acks are not commands, and plain clients repeat results without harm."""
        repeated = error.code is Code.ALREADY_ANSWERED and party.mode == "plain"
        if not isinstance(command, Acked) and not repeated:
            call_id = getattr(command, "call_id", None)
            self._answer(error_frame(error, cid=command.cid, call_id=call_id))


def command_id(command: Command, party: Party) -> str:
    """The id that makes a repetition harmless: the client's own, or, plain, one of the content."""
    if command.cid:
        return command.cid
    if party.mode == "plain" and isinstance(command, UserMessage) and command.message_id:
        name = f"{command.message_id}\n{command.content}".encode()
        return f"p:{hashlib.sha256(name).hexdigest()[:24]}"
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
