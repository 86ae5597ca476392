"""The `/agent/sessions…` routes: open, list, read, rename, delete; history, approvals, usage."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Header, Query, Response

from codelab_core.clock import random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.agent import (
    History,
    ModelList,
    PendingApprovals,
    SessionCreate,
    SessionList,
    SessionPatch,
    SessionView,
    SnapshotView,
    UsageList,
)
from codelab_core.protocol.frames import SessionId
from codelab_core.service import json_response
from codelab_runtime.agent_api import answer
from codelab_runtime.commands import Inbox, Sender
from codelab_runtime.history import history, pending_approvals, usage
from codelab_runtime.inference_client import InferenceClient
from codelab_runtime.json_route import JsonRoute
from codelab_runtime.reading import Facts, Reader
from codelab_runtime.snapshots import Snapshots, session_view
from codelab_runtime.tails import Tails

Principal = Annotated[str, Header(alias="X-Principal")]
CLOSE_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.02
CLIENT_ID: Final = "api"


@dataclass(frozen=True, slots=True)
class SessionsApi:
    """Handlers of the session routes; another's session is answered like an unknown one."""

    inbox: Inbox
    reader: Reader
    snapshots: Snapshots
    tails: Tails
    client: InferenceClient

    async def create(
        self,
        body: Annotated[SessionCreate | None, Body()] = None,
        principal: Principal = "internal",
    ) -> Response:
        """Make a session; 409 `SESSION_EXISTS` for an id in use."""
        wanted = body or SessionCreate()
        session_id = wanted.session_id or random_hex(32)
        opened = await self.inbox.store.open(
            session_id, principal, self.inbox.session_ttl_s, fresh=True
        )
        if not opened.created:
            raise CodelabError(Code.SESSION_EXISTS)
        await self._rename(session_id, principal, wanted.model_dump(include={"title", "model"}))
        response = answer(session_view(await self.snapshots.facts(session_id)))
        response.status_code = 201
        return response

    async def list(
        self,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0)] = 0,
        active_only: bool = False,  # noqa: FBT001, FBT002 -- a query parameter
        principal: Principal = "internal",
    ) -> Response:
        """Sessions of the caller, newest activity first."""
        ids, total = await self.reader.listed(principal, offset, limit)
        found = [facts for facts in await self.reader.facts(ids) if facts] if ids else []
        shown = [facts for facts in found if facts.state == "active" or not active_only]
        return answer(SessionList(sessions=list(map(session_view, shown)), total=total))

    async def read(self, session_id: SessionId, principal: Principal = "internal") -> Response:
        """One session."""
        return answer(session_view(await self._own(session_id, principal)))

    async def access(self, session_id: SessionId, principal: Principal = "internal") -> Response:
        """204 where the caller may use this id: the session is theirs, or there is none yet."""
        (facts,) = await self.reader.facts([session_id])
        if facts is not None and facts.principal != principal:
            raise CodelabError(Code.SESSION_NOT_FOUND)
        return Response(status_code=204)

    async def rename(
        self, session_id: SessionId, body: SessionPatch, principal: Principal = "internal"
    ) -> Response:
        """Change title, description or model."""
        await self._own(session_id, principal)
        await self._rename(session_id, principal, body.model_dump())
        return answer(session_view(await self._own(session_id, principal)))

    async def delete(self, session_id: SessionId, principal: Principal = "internal") -> Response:
        """End the session and remove it."""
        facts = await self._own(session_id, principal)
        if facts.state != "closed":
            await self._carried_out(session_id, principal, {"type": "close"})
        await self.inbox.store.purge(session_id, principal, "closed")
        self.tails.gone(session_id)
        return Response(status_code=204)

    async def history(
        self,
        session_id: SessionId,
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
        before: str | None = None,
        principal: Principal = "internal",
    ) -> Response:
        """Messages, oldest first."""
        await self._own(session_id, principal)
        state, _ = await self.reader.state(session_id)
        return answer(history(state, limit, before))

    async def approvals(self, session_id: SessionId, principal: Principal = "internal") -> Response:
        """Calls that wait for a person."""
        await self._own(session_id, principal)
        state, _ = await self.reader.state(session_id)
        return answer(pending_approvals(state))

    async def usage(self, session_id: SessionId, principal: Principal = "internal") -> Response:
        """What the inferences of the session used."""
        await self._own(session_id, principal)
        return answer(usage(await self.reader.records(session_id)))

    async def snapshot(self, session_id: SessionId, principal: Principal = "internal") -> Response:
        """What a client shows of the session now, and the position that it stands for."""
        facts = await self._own(session_id, principal)
        snapshot, seq = await self.snapshots.of(session_id)
        body: dict[str, Any] = {"epoch": facts.epoch, "seq": seq}
        return json_response(body | {"snapshot": snapshot.model_dump(exclude_none=True)})

    async def models(self) -> Response:
        """Models that can be asked for, as the LLM proxy lists them."""
        models = await self.client.get("/llm/models")
        return json_response({"models": models, "default": "default"})

    async def _own(self, session_id: str, principal: str) -> Facts:
        """The caller's session."""
        facts = await self.snapshots.facts(session_id)
        if facts.principal != principal:
            raise CodelabError(Code.SESSION_NOT_FOUND)
        return facts

    async def _rename(self, session_id: str, principal: str, fields: dict[str, Any]) -> None:
        """Have the owner change what is given, and wait until it has."""
        given = {name: text for name, text in fields.items() if text is not None}
        if given:
            await self._carried_out(session_id, principal, {"type": "rename", **given})

    async def _carried_out(self, session_id: str, principal: str, command: dict[str, Any]) -> None:
        """Put a command of this API into the inbox, and wait until its owner has taken it.

        Raises `UNAVAILABLE`/overloaded when that takes more than 5 s.
        """
        sender = Sender(session_id, principal, CLIENT_ID, f"r-{random_hex(24)}")
        entry = await self.inbox.put_known(sender, command)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                # The owner may be another process: nothing here can be waited for.
                while (await self.snapshots.facts(session_id)).consumed < entry.n:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise CodelabError(Code.UNAVAILABLE, "overloaded") from error

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/agent", tags=["sessions"], route_class=JsonRoute)
        one = "/sessions/{session_id}"
        router.post("/sessions", status_code=201, response_model=SessionView)(self.create)
        router.get("/sessions", response_model=SessionList)(self.list)
        router.get(one, response_model=SessionView)(self.read)
        router.patch(one, response_model=SessionView)(self.rename)
        router.delete(one, status_code=204, response_model=None)(self.delete)
        views: dict[str, tuple[Callable[..., Awaitable[Response]], Any]] = {
            "history": (self.history, History),
            "pending-approvals": (self.approvals, PendingApprovals),
            "usage": (self.usage, UsageList),
            "snapshot": (self.snapshot, SnapshotView),
        }
        for name, (handler, model) in views.items():
            router.get(f"{one}/{name}", response_model=model)(handler)
        router.get(f"{one}/access", status_code=204, response_model=None)(self.access)
        router.get("/models", response_model=ModelList)(self.models)
        return router
