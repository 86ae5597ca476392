"""Commands on their way into the inbox: digests, ids, slots. What `POST /agent/…` shares."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from codelab_core.clock import Clock, random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.observability import SESSION_ID
from codelab_core.protocol.agent import CommandBody
from codelab_runtime.answers import Ingested
from codelab_runtime.store import NewCommand, Store
from codelab_runtime.workers import Workers

OVERLOADED_RETRY_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a command to which session; `cid` makes its repetition harmless."""

    session_id: str
    principal: str
    client_id: str
    cid: str
    connection_id: str | None = None

    @property
    def key(self) -> str:
        """What the store knows the command by."""
        return f"{self.client_id}/{self.cid}"

    @classmethod
    def of(cls, body: CommandBody, principal: str) -> "Sender":
        """The sender of a request; without a `cid` it never repeats."""
        cid = body.cid or f"r-{random_hex(24)}"
        return cls(body.session_id, principal, body.client_id, cid, body.connection_id)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Puts commands where their owner finds them, and starts one where there is none."""

    store: Store
    workers: Workers
    clock: Clock
    session_ttl_s: int
    max_queued: int

    async def put(
        self, sender: Sender, command: Mapping[str, Any], *, slot: str = "", outcome: str = ""
    ) -> Ingested:
        """Accept a command. With a `slot` it answers a call; the first answer wins.

        The session is made for an unknown id. Raises the refusals of docs/protocol.md.
        """
        await self.store.open(sender.session_id, sender.principal, self.session_ttl_s)
        return await self.put_known(sender, command, slot=slot, outcome=outcome)

    async def put_known(
        self, sender: Sender, command: Mapping[str, Any], *, slot: str = "", outcome: str = ""
    ) -> Ingested:
        """As `put`, for a session that exists; raises `SESSION_NOT_FOUND` otherwise."""
        SESSION_ID.set(sender.session_id)
        is_message = command["type"] == "user_message"
        self._check_load(is_message=is_message)
        facts = {"by": sender.client_id, "cid": sender.cid, "at_ms": self.clock.wall_ms()}
        connection = {"connection_id": sender.connection_id} if sender.connection_id else {}
        entry = await self.store.ingest(
            NewCommand(
                session_id=sender.session_id,
                principal=sender.principal,
                key=sender.key,
                digest=digest(command),
                body=encoded({**connection, **command, **facts}),
                want=self.workers.has_room,
                slot=slot,
                answer_digest=digest(command) if slot else "",
                outcome=outcome,
                by=sender.client_id,
                max_queued=self.max_queued if is_message else None,
            )
        )
        self.workers.ingested(sender.session_id, entry)
        if is_message:
            await self.store.list_under(sender.principal, sender.session_id)
        return entry

    def _check_load(self, *, is_message: bool) -> None:
        """Raise `UNAVAILABLE`: draining, or overloaded, which refuses new turns only."""
        if self.workers.draining:
            raise CodelabError(Code.UNAVAILABLE, "draining", retry_after_ms=0)
        if is_message and self.workers.is_overloaded:
            raise CodelabError(Code.UNAVAILABLE, "overloaded", retry_after_ms=OVERLOADED_RETRY_MS)


def encoded(command: Any) -> bytes:
    """A command, or a part of one, as JSON.

    Raises `INVALID_REQUEST`/body for values that JSON here cannot hold: half a surrogate pair,
    integers beyond 64 bits, nesting of more than 250 levels.
    """
    try:
        return orjson.dumps(command, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise CodelabError(Code.INVALID_REQUEST, "body", message=str(error)) from None


def digest(command: Mapping[str, Any]) -> str:
    """32 hex digits that tell whether two bodies are the same, whatever the order of their keys."""
    body = {name: value for name, value in command.items() if name not in {"cid", "connection_id"}}
    return hashlib.sha256(encoded(body)).hexdigest()[:32]


def message_id_for(sender: Sender) -> str:
    """The id of a message whose sender gave none: the same for every repetition."""
    name = f"{sender.client_id}/{sender.cid}".encode()
    return f"u-{hashlib.sha256(name).hexdigest()[:16]}"
