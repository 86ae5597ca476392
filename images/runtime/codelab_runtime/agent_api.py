"""The `POST /agent/…` routes: commands become durable here, their effect follows as events."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ValidationError

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.agent import (
    Accepted,
    AckBody,
    AttachBody,
    Attached,
    CancelAccepted,
    CancelBody,
    DecisionAccepted,
    DecisionBody,
    DetachBody,
    MessageBody,
    ResultReceived,
    ToolResultBody,
)
from codelab_core.protocol.commands import Cancel, HitlDecision, ToolResult, UserMessage
from codelab_core.protocol.frames import MAX_FRAME_BYTES, Outgoing
from codelab_core.sse import render
from codelab_runtime.commands import Inbox, Sender, encoded, message_id_for
from codelab_runtime.following import followed
from codelab_runtime.json_route import JsonRoute
from codelab_runtime.offered import check_declarations
from codelab_runtime.snapshots import Snapshots
from codelab_runtime.tail import Stream
from codelab_runtime.tails import Tails
from codelab_runtime.tool_results import ToolResults
from codelab_runtime.turn_stream import turn_events

MAX_MESSAGE_BYTES: Final = MAX_FRAME_BYTES - 1024
"""A message goes to all clients, as one event: its text as JSON, and some fields around it."""
Principal = Annotated[str, Header(alias="X-Principal")]
CommandAnswer = Accepted | ResultReceived | DecisionAccepted | CancelAccepted


def answer(body: Outgoing) -> Response:
    """A 200 with a body of ours."""
    return Response(body.encode(), media_type="application/json")


@dataclass(frozen=True, slots=True)
class AgentApi:
    """Handlers of the command routes."""

    inbox: Inbox
    results: ToolResults
    tails: Tails
    snapshots: Snapshots

    async def message(self, body: MessageBody, principal: Principal = "internal") -> Response:
        """Take any client command; a message answers with its text as `echo`."""
        sender = Sender.of(body, principal)
        match body.message:
            case UserMessage() as message:
                return answer(await self.accept(sender, message))
            case ToolResult() as result:
                return answer(await self.results.receive(sender, result))
            case HitlDecision() as decision:
                return answer(await self.decide(sender, decision))
            case Cancel() as cancel:
                return answer(await self.stop(sender, cancel))

    async def message_stream(
        self, body: MessageBody, principal: Principal = "internal"
    ) -> StreamingResponse:
        """Take a message and stream its turn: `accepted`, then events up to `turn_completed`."""
        if not isinstance(body.message, UserMessage):
            raise CodelabError(Code.INVALID_REQUEST, "body", message="only user_message streams")
        sender = Sender.of(body, principal)
        await self.inbox.store.open(sender.session_id, principal, self.inbox.session_ttl_s)
        stream = self._turn(sender, body.message)
        first = await anext(stream)  # refusals are answers with a status, not events
        return StreamingResponse(_with_first(first, stream), media_type="text/event-stream")

    async def _turn(self, sender: Sender, message: UserMessage) -> AsyncGenerator[bytes]:
        """The events of one turn, from where the log stood before the command was accepted."""
        async with self.tails.using(sender.session_id, sender.principal) as tail:
            before = tail.last
            accepted = await self.accept(sender, message)
            yield render(accepted.encode(), kind=b"accepted")
            start = 0 if accepted.duplicate else before  # a repetition: its turn may be over
            everything = followed(self.inbox.store, tail, Stream(), start)
            async with (
                aclosing(everything) as pieces,
                aclosing(turn_events(pieces, accepted.message_id)) as events,
            ):
                async for event in events:
                    yield event

    async def accept(self, sender: Sender, message: UserMessage) -> Accepted:
        """Put a message into the inbox."""
        if len(encoded(message.content)) > MAX_MESSAGE_BYTES:
            raise CodelabError(Code.TOO_LARGE, "message", max=MAX_MESSAGE_BYTES)
        message_id = message.message_id or message_id_for(sender)
        command = message.model_dump(exclude_none=True, exclude={"cid", "role"})
        entry = await self.inbox.put(sender, command | {"message_id": message_id})
        return Accepted(
            echo=message.content,
            session_id=sender.session_id,
            cid=sender.cid,
            message_id=message_id,
            duplicate=entry.duplicate,
        )

    async def tool_result(
        self, body: ToolResultBody, principal: Principal = "internal"
    ) -> Response:
        """Take the outcome of a tool call, whole or in parts."""
        fields = body.model_dump(include={"call_id", "result", "error", "part", "chunk"})
        given = {name: value for name, value in fields.items() if value is not None}
        result = _parsed(ToolResult, {"type": "tool_result", **given})
        return answer(await self.results.receive(Sender.of(body, principal), result))

    async def decision(self, body: DecisionBody, principal: Principal = "internal") -> Response:
        """Take a person's decision about a call."""
        fields = body.model_dump(
            include={"call_id", "decision", "modified_arguments", "feedback"}, exclude_none=True
        )
        decision = _parsed(HitlDecision, {"type": "hitl_decision", **fields})
        return answer(await self.decide(Sender.of(body, principal), decision))

    async def decide(self, sender: Sender, decision: HitlDecision) -> DecisionAccepted:
        """Settle the question about a call; the first decision wins."""
        command = decision.model_dump(exclude_none=True, exclude={"cid"})
        outcome = {"approve": "approved", "edit": "edited", "reject": "rejected"}
        said = outcome[decision.decision]
        slot = f"{decision.call_id}#a"
        entry = await self.inbox.put(sender, command, slot=slot, outcome=said)
        return DecisionAccepted(
            call_id=decision.call_id, outcome=entry.outcome or said, duplicate=entry.duplicate
        )

    async def cancel(self, body: CancelBody, principal: Principal = "internal") -> Response:
        """End a turn, or take back a queued message."""
        cancel = Cancel(type="cancel", turn_id=body.turn_id, message_id=body.message_id)
        return answer(await self.stop(Sender.of(body, principal), cancel))

    async def stop(self, sender: Sender, cancel: Cancel) -> CancelAccepted:
        """Cancel; nothing to cancel is an answer, not an error."""
        await self.inbox.store.open(sender.session_id, sender.principal, self.inbox.session_ttl_s)
        facts = await self.snapshots.facts(sender.session_id)
        known = {None, facts.turn}
        is_idle = not facts.turn or cancel.turn_id not in known
        noop = is_idle and cancel.message_id is None and not facts.unread
        command = cancel.model_dump(exclude_none=True, exclude={"cid"})
        await self.inbox.put_known(sender, command)
        return CancelAccepted(turn_id=facts.turn or None, noop=noop)

    async def attach(self, body: AttachBody, principal: Principal = "internal") -> Response:
        """A connection joins; says where the log stands."""
        if body.tools is not None:
            check_declarations([_tool(tool) for tool in body.tools])
        if body.create:
            await self.inbox.store.open(body.session_id, principal, self.inbox.session_ttl_s)
        fields = body.model_dump(exclude={"session_id", "create"}, exclude_none=True)
        await self._connection_command(body.session_id, body.client_id, principal, fields, "attach")
        return await self._position(body.session_id, principal)

    async def detach(self, body: DetachBody, principal: Principal = "internal") -> Response:
        """A connection left."""
        fields = {"connection_id": body.connection_id}
        await self._connection_command(body.session_id, "gateway", principal, fields, "detach")
        return await self._position(body.session_id, principal)

    async def ack(self, body: AckBody, principal: Principal = "internal") -> Response:
        """A connection has applied events: the time of calls delivered with them starts."""
        sender = Sender(
            body.session_id, principal, body.connection_id, f"ack/{body.seq}", body.connection_id
        )
        await self.inbox.put_known(sender, {"type": "ack", "seq": body.seq})
        return Response(status_code=204)

    async def _connection_command(
        self, session_id: str, client_id: str, principal: str, fields: dict[str, Any], kind: str
    ) -> None:
        """One command about a connection, the same however often it is sent."""
        cid = f"{kind}/{fields['connection_id']}"
        sender = Sender(session_id, principal, client_id, cid)
        await self.inbox.put_known(sender, {"type": kind, **fields})

    async def _position(self, session_id: str, principal: str) -> Response:
        """Where the log stands."""
        page = await self.inbox.store.tail(session_id, "", 0, 1, principal)
        return answer(Attached(epoch=page.epoch, head=page.head))

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/agent", tags=["commands"], route_class=JsonRoute)
        posts: dict[str, tuple[Callable[..., Awaitable[Response]], Any]] = {
            "/message": (self.message, CommandAnswer),
            "/tool_result": (self.tool_result, ResultReceived),
            "/decision": (self.decision, DecisionAccepted),
            "/cancel": (self.cancel, CancelAccepted),
            "/attach": (self.attach, Attached),
            "/detach": (self.detach, Attached),
        }
        for path, (handler, model) in posts.items():
            router.post(path, response_model=model)(handler)
        router.post("/ack", status_code=204, response_model=None)(self.ack)
        stream = router.post(
            "/message/stream",
            response_model=None,
            response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {}}}},
        )
        stream(self.message_stream)
        return router


def _tool(tool: Any) -> str | dict[str, Any]:
    """A tool of `attach`, as its declaration."""
    return tool if isinstance(tool, str) else tool.model_dump()


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream whose first piece was taken already."""
    yield first
    async for part in rest:
        yield part


def _parsed[T: BaseModel](kind: type[T], fields: Mapping[str, Any]) -> T:
    """A command from the fields of its route. Raises `INVALID_REQUEST`/body {errors}."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        faults = [{"loc": list(e["loc"]), "msg": e["msg"]} for e in error.errors()]
        raise CodelabError(Code.INVALID_REQUEST, "body", errors=faults) from None
