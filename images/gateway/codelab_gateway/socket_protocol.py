"""uvicorn's WebSocket protocol, made fit for peers that take nothing, or send what they should not.

`send()` and `close()` alone would wait for a stalled peer for ever, and a frame that is too large
would be answered by a reset instead of a close code.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from codelab_core.middleware import Scope

ABORT: Final = "codelab.abort"
LINGER_S: Final = 3.0
"""For a peer to take the last frames and to answer the close frame."""
MAX_FRAGMENTS: Final = 1024
"""Pieces of one message that are kept apart; an object each would take 40 times their bytes."""
COSTLY_S: Final = 0.02
SHARE: Final = 4
"""A peer whose input took long to parse waits for so many times as long: others come first."""


class AbortableProtocol(WebSocketsSansIOProtocol):
    """Offers `transport.abort` to the application, and uses it for peers that are stuck."""

    def handle_connect(self, event: Request) -> None:
        """Start the application, with the ability in its scope."""
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][ABORT] = {"abort": self.transport.abort}

    def keepalive_timeout(self) -> None:
        """No pong came: the peer is gone, a close frame would not reach it."""
        self.pong_timer = None
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse; a flood of tiny frames must not keep the loop from everybody else."""
        began = self.loop.time()
        super().data_received(data)
        spent = self.loop.time() - began
        if spent > COSTLY_S and not self.transport.is_closing():
            self.transport.pause_reading()
            self.loop.call_later(SHARE * spent, self._read_on)

    def _read_on(self) -> None:
        """Others have had their turn; the application may have reasons of its own to wait."""
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """One more piece of a message."""
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS:
            self.frames = [b"".join(self.frames)]

    def handle_parser_exception(self) -> None:
        """The peer broke the protocol: say why, and read on until it has heard it.

        To close at once, with bytes of the peer unread, makes TCP reset the connection, and the
        close frame is lost (RFC 9293, 3.6). What still comes is thrown away.
        """
        if self.close_sent:
            return
        self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        sent = self.conn.close_sent
        if sent is None:  # a broken request: there is no WebSocket yet, and no application
            self.transport.close()
            return
        message: Any = {"type": "websocket.disconnect", "code": sent.code, "reason": sent.reason}
        self.queue.put_nowait(message)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)
        self.transport.resume_reading()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done: a peer that does not take the rest is cut off after 3 s."""
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(LINGER_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        """Send; to a peer that we have closed for its faults, it is as if it had left."""
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)


def abort(scope: Scope) -> None:
    """Cut the connection at once; without the ability, nothing happens."""
    ability = scope.get("extensions", {}).get(ABORT)
    if ability:
        ability["abort"]()
