"""uvicorn's WebSocket protocol with one more ability: to cut a peer that takes nothing.

`send()` and `close()` alone would wait for a stalled peer for ever.
"""

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from codelab_core.middleware import Scope

ABORT: Final = "codelab.abort"


class AbortableProtocol(WebSocketsSansIOProtocol):
    """Offers `transport.abort` to the application; a peer that misses its pong is cut too."""

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


def abort(scope: Scope) -> None:
    """Cut the connection at once; without the ability, nothing happens."""
    ability = scope.get("extensions", {}).get(ABORT)
    if ability:
        ability["abort"]()
