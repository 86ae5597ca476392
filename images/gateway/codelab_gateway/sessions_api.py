"""REST of sessions, passed through to the runtime with the caller's principal."""

from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_gateway.admission import SESSION_ID
from codelab_gateway.authentication import Authenticator
from codelab_gateway.runtime_client import RuntimeClient

MAX_BODY_BYTES: Final = 65_536
VIEWS: Final = frozenset({"history", "pending-approvals", "usage"})


@dataclass(frozen=True, slots=True)
class SessionsApi:
    """The routes below `/api/v1`; bodies and answers are the runtime's."""

    authenticator: Authenticator
    client: RuntimeClient

    async def sessions(self, request: Request) -> Response:
        """List the caller's sessions, or make one."""
        return await self._pass_on(request, "/agent/sessions", "")

    async def session(self, request: Request, session_id: str) -> Response:
        """Read, rename or delete one session."""
        return await self._pass_on(request, f"/agent/sessions/{session_id}", session_id)

    async def view(self, request: Request, session_id: str, view: str) -> Response:
        """History, open approvals or usage of one session."""
        if view not in VIEWS:
            raise CodelabError(Code.NOT_FOUND, "route")
        return await self._pass_on(request, f"/agent/sessions/{session_id}/{view}", session_id)

    async def models(self, request: Request) -> Response:
        """Models that can be asked for."""
        return await self._pass_on(request, "/agent/models", "")

    async def _pass_on(self, request: Request, path: str, session_id: str) -> Response:
        """Ask the runtime; its refusals are ours."""
        if session_id and not SESSION_ID.match(session_id):
            raise CodelabError(Code.INVALID_REQUEST, "session_id")
        self.authenticator.check_origin(request.scope)
        principal = self.authenticator.identify(request.scope).principal
        query = f"?{request.url.query}" if request.url.query else ""
        body = await _json_body(request)
        answer = await self.client.call(request.method, path + query, session_id, principal, body)
        media_type = answer.content_type if answer.body else None
        return Response(answer.body, answer.status, media_type=media_type)

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/api/v1", tags=["sessions"])
        one = "/sessions/{session_id}"
        router.add_api_route("/sessions", self.sessions, methods=["GET", "POST"])
        router.add_api_route(one, self.session, methods=["GET", "PATCH", "DELETE"])
        router.add_api_route(f"{one}/{{view}}", self.view, methods=["GET"])
        router.add_api_route("/models", self.models, methods=["GET"])
        return router


async def _json_body(request: Request) -> dict[str, Any] | None:
    """The body of a request, `None` for none.

    Raises `TOO_LARGE`/body above 64 KiB, `INVALID_REQUEST`/body for what is no JSON object.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise CodelabError(Code.TOO_LARGE, "body", max=MAX_BODY_BYTES)
        parts.append(part)
    if not size:
        return None
    try:
        body = orjson.loads(b"".join(parts))
    except orjson.JSONDecodeError as error:
        raise CodelabError(Code.INVALID_REQUEST, "body", message="no JSON") from error
    if not isinstance(body, dict):
        raise CodelabError(Code.INVALID_REQUEST, "body", message="no JSON object")
    return body
