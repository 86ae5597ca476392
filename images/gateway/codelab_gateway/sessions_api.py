"""REST of sessions, passed through to the runtime with the caller's principal."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request, Response

from codelab_core.clock import random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_gateway.admission import SESSION_ID
from codelab_gateway.authentication import Authenticator
from codelab_gateway.runtime_client import RuntimeClient

MAX_BODY_BYTES: Final = 65_536
BODY_TIMEOUT_S: Final = 10.0
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

    async def usage(self, request: Request, session_id: str) -> Response:
        """Usage of one session, at the address that older clients know."""
        return await self.view(request, session_id, "usage")

    async def models(self, request: Request) -> Response:
        """Models that can be asked for."""
        return await self._pass_on(request, "/agent/models", "")

    async def _pass_on(self, request: Request, path: str, session_id: str) -> Response:
        """Ask the runtime; its refusals are ours."""
        if session_id and not SESSION_ID.fullmatch(session_id):
            raise CodelabError(Code.INVALID_REQUEST, "session_id")
        principal = (await self.authenticator.admit(request.scope)).principal
        target = path + _query(request)
        body = await _json_body(request)
        if (request.method, path) == ("POST", "/agent/sessions"):
            # Named here, so that a repetition after a lost answer does not make a second session.
            body = {"session_id": random_hex(32), **(body or {})}
        answer = await self.client.call(request.method, target, session_id, principal, body)
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
        old = "/events/metrics/session/{session_id}"
        router.add_api_route(old, self.usage, methods=["GET"])
        return router


def _query(request: Request) -> str:
    """The query as it came, without our own `token`; odd bytes are escaped."""
    raw: bytes = request.scope["query_string"]
    parts = [part for part in raw.split(b"&") if part and not part.startswith(b"token=")]
    return "?" + quote(b"&".join(parts), safe="%&=+/:;,?@!$'()*~-._") if parts else ""


async def _json_body(request: Request) -> dict[str, Any] | None:
    """The body of a request, `None` for none.

    Raises `TOO_LARGE`/body above 64 KiB, `INVALID_REQUEST`/body for what is no JSON object, or
    takes longer than 10 s.
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            raw = await _read(request)
        body = orjson.loads(raw) if raw else None
    except TimeoutError as error:
        raise CodelabError(Code.INVALID_REQUEST, "body", message="The body is late.") from error
    except orjson.JSONDecodeError as error:
        raise CodelabError(Code.INVALID_REQUEST, "body", message="No JSON.") from error
    if body is None or isinstance(body, dict):
        return body
    raise CodelabError(Code.INVALID_REQUEST, "body", message="No JSON object.")


async def _read(request: Request) -> bytes:
    """All bytes of a body. Raises `TOO_LARGE`/body."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > MAX_BODY_BYTES:
            raise CodelabError(Code.TOO_LARGE, "body", max=MAX_BODY_BYTES)
    return bytes(raw)
