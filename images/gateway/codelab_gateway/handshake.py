"""How a connection begins: plain or version 1, from which position, with which first frames."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.frames import (
    Hello,
    Limits,
    Mode,
    Role,
    ServerInfo,
    Welcome,
)
from codelab_core.service import release
from codelab_core.settings import GatewaySettings
from codelab_gateway.membership import Membership
from codelab_gateway.runtime_client import RuntimeClient

RETRY_S: Final = 0.5
SNAPSHOT_TIMEOUT_S: Final = 10.0
FEATURES: Final = ["steer", "review_lines"]
MAX_QUEUED_MESSAGES: Final = 16


@dataclass(frozen=True, slots=True)
class Party:
    """Who attaches: one connection of one installation."""

    session_id: str
    principal: str
    connection_id: str
    client_id: str
    role: Role
    mode: Mode
    tools: list[Any] | None = None
    create: bool = True

    def is_same_client(self, other: "Party") -> bool:
        """Whether both are one installation in one session of one caller."""
        mine = (self.session_id, self.principal, self.client_id)
        return mine == (other.session_id, other.principal, other.client_id)

    def body(self) -> dict[str, Any]:
        """The body of `POST /agent/attach`."""
        fields = {
            "session_id": self.session_id,
            "connection_id": self.connection_id,
            "client_id": self.client_id,
            "role": self.role,
            "mode": self.mode,
            "create": self.create,
        }
        return fields if self.tools is None else {**fields, "tools": self.tools}


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a connection starts: after (epoch, seq), and with a snapshot where it cannot resume."""

    epoch: str
    seq: int
    head: int
    snapshot: Mapping[str, Any] | None = None
    reason: str = "first_attach"


async def attach(membership: Membership, party: Party) -> dict[str, Any]:
    """Join the session; while no runtime answers, try again. Returns `epoch` and `head`.

    Raises every refusal but `UNAVAILABLE`.
    """
    while True:
        try:
            return await membership.attach(party.principal, party.body())
        except CodelabError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
        await asyncio.sleep(RETRY_S)


async def beginning(
    client: RuntimeClient, membership: Membership, party: Party, hello: Hello | None
) -> Beginning:
    """Attach, then find where to start: the client's position if it is usable, else a snapshot.

    Raises the runtime's refusals, and `RESYNC_FAILED` after 10 s without a snapshot.
    """
    attached = await attach(membership, party)
    epoch, head = attached["epoch"], attached["head"]
    resume = hello.resume if hello else None
    if resume is None and head == 0:
        return Beginning(epoch, 0, head)
    if resume and resume.epoch == epoch and resume.seq <= head:
        return Beginning(epoch, resume.seq, head)
    reason = "first_attach"
    if resume:
        reason = "ahead" if resume.epoch == epoch else "epoch_changed"
    body = await snapshot(client, party)
    return Beginning(body["epoch"], body["seq"], body["seq"], body["snapshot"], reason)


async def snapshot(client: RuntimeClient, party: Party) -> dict[str, Any]:
    """What the session looks like now: `epoch`, `seq`, `snapshot`.

    Raises the runtime's refusals, `RESYNC_FAILED` where none answers within 10 s.
    """
    path = f"/agent/sessions/{party.session_id}/snapshot"
    try:
        async with asyncio.timeout(SNAPSHOT_TIMEOUT_S):
            while True:
                try:
                    answer = await client.call("GET", path, party.session_id, party.principal)
                    body: dict[str, Any] = answer.json()
                except CodelabError as error:
                    if error.code is not Code.UNAVAILABLE:
                        raise
                    await asyncio.sleep(RETRY_S)
                else:
                    return body
    except TimeoutError as error:
        raise CodelabError(Code.RESYNC_FAILED) from error


def welcome(party: Party, begin: Beginning, *, resumed: bool, settings: GatewaySettings) -> Welcome:
    """The answer to `hello`."""
    replay = "tail" if resumed else "none"
    return Welcome(
        session_id=party.session_id,
        connection_id=party.connection_id,
        epoch=begin.epoch,
        head=begin.head,
        replay=replay if begin.snapshot is None else "snapshot",
        limits=Limits(
            max_frame_bytes=settings.max_frame_bytes,
            max_user_message_chars=settings.max_user_message_chars,
            max_queued_messages=MAX_QUEUED_MESSAGES,
        ),
        server=ServerInfo(version=release()),
        features=FEATURES,
    )
