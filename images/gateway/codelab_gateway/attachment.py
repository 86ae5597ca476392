"""The session that a connection follows: mode, position, and what the relay brings."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import orjson

from codelab_core.clock import Clock, random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Scope
from codelab_core.protocol.frames import Hello, ToolDeclaration
from codelab_core.settings import GatewaySettings
from codelab_gateway.admission import Admission
from codelab_gateway.authentication import Identity
from codelab_gateway.commander import Commander, error_frame
from codelab_gateway.dialects import Dialect, PlainDialect, V1Dialect
from codelab_gateway.handshake import Beginning, Party, beginning, welcome
from codelab_gateway.membership import Membership
from codelab_gateway.metrics import Metrics
from codelab_gateway.outbox import Outbox
from codelab_gateway.plain import PlainView
from codelab_gateway.relays import Relays
from codelab_gateway.runtime_client import RuntimeClient

WHOLE_TURN_PATH: Final = "/api/v1/"
LONGEST_TIMER_S: Final = 86_400.0
"""A token may say that it is good for longer than a timer can be set."""


class Line(Protocol):
    """A connection, as those see it who serve its session."""

    identity: Identity
    session_id: str
    outbox: Outbox
    commander: Commander

    @property
    def party(self) -> Party | None:
        """Who attached by it, once that was said."""

    @property
    def is_plain(self) -> bool:
        """Whether the client speaks without `hello`."""

    def send(self, frame: bytes) -> None:
        """Answer the client."""

    def fail(self, error: CodelabError) -> None:
        """Close it; the first reason counts."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What all connections of a process share."""

    settings: GatewaySettings
    admission: Admission
    client: RuntimeClient
    relays: Relays
    metrics: Metrics
    clock: Clock
    membership: Membership
    connections: set[Line]


class Attachment:
    """Subscriber of the session's relay, for one connection.

    `party` is who attaches, from the first try on, so that it can be detached whatever happens to
    the answer; `dialect` speaks once that has succeeded.
    """

    def __init__(self, connection: Line, gateway: Gateway, scope: Scope) -> None:
        self._connection = connection
        self._gateway = gateway
        self._scope = scope
        self.party: Party | None = None
        self.dialect: Dialect | None = None
        self.epoch = ""
        self.last = 0
        self.renewed = asyncio.Event()

    @property
    def is_plain(self) -> bool:
        """Whether the client speaks without `hello`."""
        return self.party is None or self.party.mode == "plain"

    def introduce(self, hello: Hello | None) -> Party:
        """The client has said in which mode it speaks; `start` follows."""
        self.leave()
        self.party = self._new_party(hello)
        self._replace_older(self.party)
        return self.party

    async def start(self, party: Party, hello: Hello | None) -> None:
        """Attach, then follow from the client's position.

        Raises the refusals of the runtime, `RESYNC_FAILED`.
        """
        try:
            begin = await self._beginning(party, hello)
        except CodelabError as error:
            if hello or error.code is not Code.SESSION_EXPIRED:
                raise
            begin = await self._born_again(party, error)
        self._begin(party, begin, hello)
        await self._gateway.relays.follow(party.session_id, party.principal, self)

    async def _beginning(self, party: Party, hello: Hello | None) -> Beginning:
        """Attach, and find where to start."""
        return await beginning(self._gateway.client, self._gateway.membership, party, hello)

    def _begin(self, party: Party, begin: Beginning, hello: Hello | None) -> None:
        """The first frames; commands may go from here on."""
        connection, gateway = self._connection, self._gateway
        self.epoch, self.last = begin.epoch, begin.seq
        if hello:
            resumed = hello.resume is not None
            first = welcome(party, begin, resumed=resumed, settings=gateway.settings)
            connection.send(first.encode())
            ids = (party.connection_id, party.client_id)
            self.dialect = V1Dialect(ids, connection.outbox, connection.commander, gateway.clock)
        else:
            view = PlainView(party.connection_id, whole_turns=self._wants_whole_turns())
            self.dialect = PlainDialect(view, connection.outbox, connection.commander)
        self.dialect.begin(begin)
        connection.commander.attached(party)

    def _wants_whole_turns(self) -> bool:
        """P15: `?stream=`, else the setting, else by the path."""
        query: bytes = self._scope["query_string"]
        given = parse_qs(query.decode("latin-1")).get("stream", [""])[0]
        for wanted in (given, self._gateway.settings.plain_stream):
            if wanted in {"token", "turn"}:
                return wanted == "turn"
        return bool(self._scope["path"].startswith(WHOLE_TURN_PATH))

    def _new_party(self, hello: Hello | None) -> Party:
        """Who this connection attaches as; a client that resumes makes no new session."""
        connection_id = f"x_{random_hex(16)}"
        session_id, principal = self._connection.session_id, self._connection.identity.principal
        if hello is None:
            client_id = f"plain-{connection_id}"
            return Party(session_id, principal, connection_id, client_id, "driver", "plain")
        return Party(
            session_id,
            principal,
            connection_id,
            hello.client.id,
            hello.role,
            "v1",
            None if hello.tools is None else [_declared(tool) for tool in hello.tools],
            create=hello.resume is None,
        )

    def _replace_older(self, party: Party) -> None:
        """The same client is here twice: the older connection has to go."""
        for other in self._gateway.connections:
            older = other.party
            if older and older is not party and older.is_same_client(party):
                other.fail(CodelabError(Code.SESSION_REPLACED))

    async def _born_again(self, party: Party, error: CodelabError) -> Beginning:
        """A plain client of an expired session is told so, and gets a new one under that id."""
        self._connection.send(error_frame(error))
        body = {"session_id": party.session_id}
        client = self._gateway.client
        await client.call("POST", "/agent/sessions", party.session_id, party.principal, body)
        return await self._beginning(party, None)

    def leave(self) -> None:
        """Follow nothing any more; the runtime hears of it without anybody waiting."""
        party, self.party, self.dialect = self.party, None, None
        if party is None:
            return
        self._gateway.relays.leave(party.session_id, self)
        self._gateway.membership.leave(party.session_id, party.principal, party.connection_id)

    async def expired(self) -> None:
        """Return when the token is over and no fresh one came."""
        while True:
            ends = self._connection.identity.expires_s
            left_s = None if ends is None else ends - self._gateway.clock.wall_ms() / 1000
            if left_s is not None and left_s <= 0:
                return
            wait_s = None if left_s is None else min(left_s, LONGEST_TIMER_S)
            try:
                async with asyncio.timeout(wait_s):
                    await self.renewed.wait()
            except TimeoutError:
                continue
            self.renewed.clear()

    # What the relay brings.

    def event(self, seq: int, data: bytes) -> None:
        """The next event. Hot: benchmarks/token_path.py."""
        self.last = seq
        if self.dialect:
            self.dialect.event(seq, data)
            if self.dialect.replaced:
                self._connection.fail(CodelabError(Code.SESSION_REPLACED))

    def resync(self, data: bytes) -> None:
        """The log began anew, or the position is too old."""
        body = orjson.loads(data)
        self.epoch, self.last = body["epoch"], body["seq"]
        if self.dialect:
            self.dialect.resync(body)

    def degraded(self, *, state: bool) -> None:
        """The way to the log is broken, or works again."""
        if self.dialect:
            self.dialect.degraded(state=state)

    def gone(self, error: CodelabError) -> None:
        """There will be no more events."""
        self._connection.fail(error)

    async def room(self) -> None:
        """Return when the socket can take a batch."""
        await self._connection.outbox.room()


def _declared(tool: str | ToolDeclaration) -> Any:
    """A tool of `hello`, as the runtime takes it."""
    return tool if isinstance(tool, str) else tool.given()
