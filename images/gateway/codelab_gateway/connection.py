"""One WebSocket: accept → authenticate → attach → pump → close."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Receive, Scope, Send
from codelab_core.observability import SESSION_ID
from codelab_core.protocol.frames import SUBPROTOCOL, Auth, CloseCode, Hello
from codelab_core.server import cancelled_at_end
from codelab_core.settings import GatewaySettings
from codelab_gateway.admission import Admission, refuse
from codelab_gateway.attachment import Attachment
from codelab_gateway.authentication import Identity
from codelab_gateway.commander import Command, Commander, error_frame
from codelab_gateway.metrics import Metrics
from codelab_gateway.outbox import Outbox
from codelab_gateway.reader import FrameReader, LeftError
from codelab_gateway.relays import Relays
from codelab_gateway.runtime_client import RuntimeClient
from codelab_gateway.socket_protocol import abort

CLOSE_TIMEOUT_S: Final = 1.0
MAX_REASON_BYTES: Final = 123  # RFC 6455: a longer close reason kills the frame

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gateway:
    """What all connections of a process share."""

    settings: GatewaySettings
    admission: Admission
    client: RuntimeClient
    relays: Relays
    metrics: Metrics
    clock: Clock
    tasks: asyncio.TaskGroup
    connections: "set[Connection]"


class WebSocketEndpoint:
    """`/ws/{session_id}` and `/api/v1/ws/{session_id}`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket from the first byte to the last."""
        gateway = self._gateway
        try:
            identity = await gateway.admission.admit(scope)
        except CodelabError as error:
            await refuse(scope, receive, send, error)
            return
        gateway.metrics.connections.inc()
        try:
            await Connection(gateway, scope, identity).serve(receive, send)
        finally:
            gateway.metrics.connections.dec()
            callers = gateway.admission.callers
            callers.disconnect(identity.principal, gateway.clock.monotonic())


class Connection:
    """A socket that was admitted."""

    def __init__(self, gateway: Gateway, scope: Scope, identity: Identity) -> None:
        settings = gateway.settings
        self._gateway = gateway
        self._scope = scope
        self.identity = identity
        self.session_id: str = scope["path_params"]["session_id"]
        self.outbox = Outbox(settings.outbound_queue_frames, settings.outbound_queue_bytes)
        self.commander = Commander(gateway.client, self.outbox.push)
        self.attachment = Attachment(self, gateway, scope)
        self._closing: asyncio.Future[CodelabError]
        self._closing = asyncio.get_running_loop().create_future()

    async def serve(self, receive: Receive, send: Send) -> None:
        """Accept, attach, pump, close."""
        SESSION_ID.set(self.session_id)
        offered = SUBPROTOCOL in self._scope.get("subprotocols", ())
        await receive()  # websocket.connect
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None})
        self._gateway.connections.add(self)
        reader = FrameReader(self, self._gateway.settings, self._gateway.clock, receive)
        try:
            error = await self._pump(reader, send, offered=offered)
            await self._close(send, error)
        except LeftError:
            self._gateway.metrics.closed.labels("client").inc()
        finally:
            self._gateway.connections.discard(self)
            self.attachment.leave()

    async def _pump(self, reader: FrameReader, send: Send, *, offered: bool) -> CodelabError:
        """Both directions, until one side ends; why it is to be closed."""
        async with cancelled_at_end() as tasks:
            pump = tasks.create_task(self.outbox.pump(send))
            commands = tasks.create_task(self.commander.run())
            reading = tasks.create_task(_end_of(self._read(reader, offered=offered)))
            slow = tasks.create_task(self.outbox.slow.wait())
            expiry = tasks.create_task(self.attachment.expired())
            ends: set[asyncio.Future[Any]] = {reading, slow, pump, commands, expiry, self._closing}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._closing.done():
                await self.outbox.flushed()
                return self._closing.result()
            if slow.done():
                return CodelabError(Code.SLOW_CONSUMER)
            if expiry.done():
                return CodelabError(Code.TOKEN_EXPIRED)
            if pump.done():
                raise LeftError
            ended = reading.result() if reading.done() else CodelabError(Code.INTERNAL)
            if isinstance(ended, LeftError):
                raise ended
            return ended

    async def _read(self, reader: FrameReader, *, offered: bool) -> None:
        """The first frame decides the mode; then frame after frame."""
        hello = await reader.hello(required=offered)
        await self.attachment.start(hello)
        await reader.run()

    async def _close(self, send: Send, error: CodelabError) -> None:
        """Say why, then close; a peer that takes nothing is cut after 1 s."""
        code = error.kind.close or CloseCode.INTERNAL_ERROR
        self._gateway.metrics.closed.labels(str(int(code))).inc()
        log.info("connection closed", extra={"close_code": int(code), "code": str(error.code)})
        reason = str(error.code)
        if error.retry_after_ms is not None:
            reason += f" retry_after_ms={error.retry_after_ms}"
        close = {"type": "websocket.close", "code": int(code), "reason": reason[:MAX_REASON_BYTES]}
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if code is not CloseCode.SLOW_CONSUMER:
                    frame = error_frame(error).decode()
                    await send({"type": "websocket.send", "text": frame})
                await send(close)
        except TimeoutError:
            abort(self._scope)

    # What the reader asks of its connection.

    @property
    def is_plain(self) -> bool:
        """Whether the client speaks without `hello`."""
        return self.attachment.is_plain

    def send(self, frame: bytes) -> None:
        """Answer the client."""
        self.outbox.push(frame)

    def fail(self, error: CodelabError) -> None:
        """Close the connection; the first reason counts."""
        if not self._closing.done():
            self._closing.set_result(error)

    def applied(self, seq: int) -> None:
        """The client has applied events up to `seq`."""
        if self.attachment.dialect:
            self.attachment.dialect.acked(seq)

    async def command(self, command: Command) -> None:
        """Something for the runtime. Raises `RATE_LIMIT`/messages."""
        if command.type == "user_message":
            now = self._gateway.clock.monotonic()
            self._gateway.admission.callers.message(self.identity.principal, now)
        await self.commander.put(command)

    def renew(self, auth: Auth) -> None:
        """A fresh token. Raises `UNAUTHORIZED`, `TOKEN_EXPIRED`, `FORBIDDEN`/principal."""
        identity = self._gateway.admission.authenticator.verify(auth.token)
        if identity.principal != self.identity.principal:
            raise CodelabError(Code.FORBIDDEN, "principal")
        self.identity = identity
        self.attachment.renewed.set()

    async def start(self, hello: Hello | None) -> None:
        """Attach in this mode."""
        await self.attachment.start(hello)

    def received(self, kind: str) -> None:
        """Count a frame of a known type."""
        self._gateway.metrics.frames.labels("in", kind).inc()


async def _end_of(reading: Awaitable[None]) -> CodelabError | LeftError:
    """What ends reading, as a value."""
    try:
        await reading
    except (CodelabError, LeftError) as end:
        return end
    return LeftError()
