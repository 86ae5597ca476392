"""What must hold before a WebSocket is accepted: path, origin, token, limits, owner."""

import re
from dataclasses import dataclass
from typing import Final

import orjson

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Receive, Scope, Send
from codelab_core.observability import REQUEST_ID
from codelab_core.protocol.frames import SUBPROTOCOL, CloseCode
from codelab_core.service import PROBLEM, Readiness
from codelab_gateway.authentication import Authenticator, Identity
from codelab_gateway.limits import Callers
from codelab_gateway.runtime_client import RuntimeClient

SESSION_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True)
class Admission:
    """The checks before the upgrade."""

    authenticator: Authenticator
    callers: Callers
    client: RuntimeClient
    clock: Clock
    readiness: Readiness

    async def admit(self, scope: Scope) -> Identity:
        """The caller, now counted; `callers.disconnect` must follow.

        Raises the error that the refusal is to carry.
        """
        session_id = scope["path_params"]["session_id"]
        if not SESSION_ID.fullmatch(session_id):
            raise CodelabError(Code.INVALID_REQUEST, "session_id")
        identity = await self.authenticator.admit(scope)
        if self.readiness.state == "draining":
            raise CodelabError(Code.UNAVAILABLE, "draining", retry_after_ms=0)
        self.callers.connect(identity.principal, self.clock.monotonic())
        try:
            await self._check_owner(session_id, identity)
        except BaseException:  # also where the peer leaves and this task is cancelled
            self.callers.disconnect(identity.principal, self.clock.monotonic())
            raise
        return identity

    async def _check_owner(self, session_id: str, identity: Identity) -> None:
        """Refuse another's session; while no runtime answers, that is left for later."""
        path = f"/agent/sessions/{session_id}/access"
        try:
            await self.client.call("GET", path, session_id, identity.principal)
        except CodelabError as error:
            if error.code is not Code.UNAVAILABLE:
                raise


async def refuse(scope: Scope, receive: Receive, send: Send, error: CodelabError) -> None:
    """Refuse a WebSocket: by HTTP before the upgrade, or by a close code that browsers can see."""
    offered = SUBPROTOCOL in scope.get("subprotocols", ())
    await receive()  # websocket.connect
    if offered and error.code in {Code.UNAUTHORIZED, Code.TOKEN_EXPIRED}:
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        close = {"type": "websocket.close", "code": int(CloseCode.UNAUTHORIZED)}
        await send({**close, "reason": str(error.code)})
        return
    body = orjson.dumps({"error": error.to_wire() | {"request_id": REQUEST_ID.get()}})
    headers = [
        (b"content-type", PROBLEM.encode()),
        (b"x-request-id", REQUEST_ID.get().encode()),
    ]
    if error.retry_after_ms is not None:
        headers.append((b"retry-after", b"%d" % -(-error.retry_after_ms // 1000)))
    if error.kind.status == 401:  # noqa: PLR2004 -- RFC 9110: a 401 names the scheme
        headers.append((b"www-authenticate", b"Bearer"))
    start = {"type": "websocket.http.response.start", "status": error.kind.status or 500}
    await send({**start, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
    # The server tells of the end twice: of its answer, and of the connection. It logs an error for
    # whoever returns before the second.
    await receive()
    await receive()
