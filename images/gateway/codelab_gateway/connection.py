"""One WebSocket: accept → authenticate → attach → pump → close."""

import asyncio
import logging
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Receive, Scope, Send
from codelab_core.observability import SESSION_ID
from codelab_core.protocol.commands import ToolResult, UserMessage
from codelab_core.protocol.frames import SUBPROTOCOL, Auth, CloseCode, Hello
from codelab_core.server import cancelled_at_end
from codelab_gateway.admission import refuse
from codelab_gateway.attachment import Attachment, Gateway
from codelab_gateway.authentication import Identity
from codelab_gateway.commander import Command, Commander, error_frame
from codelab_gateway.handshake import Party
from codelab_gateway.outbox import Outbox
from codelab_gateway.reader import FrameReader, LeftError
from codelab_gateway.socket_protocol import abort

CLOSE_TIMEOUT_S: Final = 1.0
MAX_REASON_BYTES: Final = 123  # RFC 6455: a longer close reason kills the frame

log = logging.getLogger(__name__)


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
            gateway.metrics.refused.labels(str(error.code)).inc()
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
        self.outbox = Outbox(
            settings.outbound_queue_frames,
            settings.outbound_queue_bytes,
            lambda: self.fail(CodelabError(Code.SLOW_CONSUMER)),
            gateway.metrics.sent,
        )
        self.commander = Commander(gateway.client, self.outbox.push)
        self.attachment = Attachment(self, gateway, scope)
        self._tasks: asyncio.TaskGroup | None = None
        self._attaching: asyncio.Task[None] | None = None
        self._end: asyncio.Future[CodelabError | None]
        self._end = asyncio.get_running_loop().create_future()

    @property
    def party(self) -> Party | None:
        """Who attached by this connection, once that was said."""
        return self.attachment.party

    async def serve(self, receive: Receive, send: Send) -> None:
        """Accept, attach, pump, close."""
        SESSION_ID.set(self.session_id)
        offered = SUBPROTOCOL in self._scope.get("subprotocols", ())
        await receive()  # websocket.connect
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None})
        self._gateway.connections.add(self)
        try:
            error = await self._pumped(receive, send, offered=offered)
            self.attachment.leave()
            await self._close(send, error)
        finally:
            self._gateway.connections.discard(self)
            self.attachment.leave()

    async def _pumped(self, receive: Receive, send: Send, *, offered: bool) -> CodelabError | None:
        """Serve until one side ends; why the socket is to be closed, `None`: the client left."""
        reader = FrameReader(self, self._gateway.settings, self._gateway.clock, receive)
        try:
            async with cancelled_at_end() as tasks:
                self._tasks = tasks
                tasks.create_task(self._write(send))
                tasks.create_task(self._read(reader, offered=offered))
                tasks.create_task(self.commander.run())
                tasks.create_task(self._expire())
                error = await self._end
                if error and error.code is not Code.SLOW_CONSUMER:
                    await self.outbox.flushed()
                return error
        except Exception:  # the last place to answer it: the socket's own fault ends only itself
            log.exception("connection failed")
            return CodelabError(Code.INTERNAL)

    async def _write(self, send: Send) -> None:
        """What waits goes out, until the peer is gone."""
        await self.outbox.pump(send)
        self.left()

    async def _read(self, reader: FrameReader, *, offered: bool) -> None:
        """The first frame decides the mode; then frame after frame."""
        try:
            self.begin(await reader.hello(required=offered))
            await reader.run()
        except LeftError:
            self.left()
        except CodelabError as error:
            self.fail(error)

    async def _expire(self) -> None:
        """The end of the token is the end of the connection."""
        await self.attachment.expired()
        self.fail(CodelabError(Code.TOKEN_EXPIRED))

    async def _attach(self, party: Party, hello: Hello | None) -> None:
        """Join the session, however long that takes; the client may speak meanwhile."""
        try:
            await self.attachment.start(party, hello)
        except CodelabError as error:
            self.fail(error)

    async def _close(self, send: Send, error: CodelabError | None) -> None:
        """Say why, then close; a peer that takes nothing is cut after 1 s."""
        if error is None:
            self._gateway.metrics.closed.labels("client").inc()
            return
        code = error.kind.close or CloseCode.INTERNAL_ERROR
        self._gateway.metrics.closed.labels(str(int(code))).inc()
        log.info("connection closed", extra={"close_code": int(code), "code": str(error.code)})
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if _is_news(error):
                    await send({"type": "websocket.send", "text": error_frame(error).decode()})
                reason = close_reason(error)
                await send({"type": "websocket.close", "code": int(code), "reason": reason})
        except TimeoutError:
            abort(self._scope)
        except OSError:  # the peer has left in the meantime
            return

    # What the reader asks of its connection.

    @property
    def is_plain(self) -> bool:
        """Whether the client speaks without `hello`."""
        return self.attachment.is_plain

    def begin(self, hello: Hello | None) -> None:
        """Attach in this mode, beside the reading; what was begun in another mode is dropped."""
        if self._attaching:
            self._attaching.cancel()
        party = self.attachment.introduce(hello)
        if self._tasks:
            self._attaching = self._tasks.create_task(self._attach(party, hello))

    def received(self, kind: str) -> None:
        """Count a frame of a known type."""
        self._gateway.metrics.frames.labels("in", kind).inc()

    def send(self, frame: bytes) -> None:
        """Answer the client."""
        self.outbox.push(frame)

    def fail(self, error: CodelabError) -> None:
        """Close the connection; the first reason counts."""
        if not self._end.done():
            self._end.set_result(error)

    def left(self) -> None:
        """There is nobody to talk to any more."""
        if not self._end.done():
            self._end.set_result(None)

    def applied(self, seq: int) -> None:
        """The client has applied events up to `seq`."""
        if self.attachment.dialect:
            self.attachment.dialect.acked(seq)

    async def renew(self, auth: Auth) -> None:
        """A fresh token. Raises what `Authenticator.verify` does, and `FORBIDDEN`/principal."""
        authenticator = self._gateway.admission.authenticator
        if authenticator.dev:
            return
        identity = await authenticator.verify(self._scope, auth.token)
        if identity.principal != self.identity.principal:
            raise CodelabError(Code.FORBIDDEN, "principal")
        self.identity = identity
        self.attachment.renewed.set()

    async def command(self, command: Command) -> None:
        """Something for the runtime. Raises `RATE_LIMIT`: messages, inbox_full."""
        if isinstance(command, UserMessage):
            now = self._gateway.clock.monotonic()
            self._gateway.admission.callers.message(self.identity.principal, now)
        await self.commander.put(command)
        if isinstance(command, ToolResult) and self.attachment.dialect:
            self.attachment.dialect.answered(command.call_id)


def close_reason(error: CodelabError) -> str:
    """The text of a close frame: the code, and when to come back where that is known."""
    wait = "" if error.retry_after_ms is None else f" retry_after_ms={error.retry_after_ms}"
    return f"{error.code}{wait}"[:MAX_REASON_BYTES]


def _is_news(error: CodelabError) -> bool:
    """Whether an `error` frame comes before the close frame.

    A slow reader would not take it. A drain was told by `status`, and plain clients know of none.
    """
    return error.code is not Code.SLOW_CONSUMER and error.reason != "draining"
