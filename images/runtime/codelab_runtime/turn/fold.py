"""How each record changes the state: the same code live and after a crash."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce, singledispatch
from typing import Any

from codelab_core.tool_errors import ToolCode
from codelab_runtime.turn import inference_records
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.knowledge import after_call, after_release, without_review
from codelab_runtime.turn.split_record import ToolSplit
from codelab_runtime.turn.state import (
    Answer,
    Call,
    Connection,
    Message,
    QueuedMessage,
    SessionState,
    Turn,
    with_call,
    with_turn,
)


def fold(state: SessionState, records: Iterable[rec.Record]) -> SessionState:
    """The state after all these records, oldest first."""
    return reduce(lambda before, record: apply(record, before), records, state)


@singledispatch
def apply(record: rec.Record, _state: SessionState) -> SessionState:
    """The state after one more record. Raises `TypeError` for a kind that is not of the journal."""
    raise TypeError(f"no record of a session: {type(record).__name__}")


@apply.register
def _opened(record: rec.SessionOpened, state: SessionState) -> SessionState:
    return replace(state, principal=record.principal)


@apply.register
def _closed(_record: rec.SessionClosed, state: SessionState) -> SessionState:
    return replace(state, closed=True)


@apply.register
def _attached(record: rec.Attached, state: SessionState) -> SessionState:
    joined = Connection(
        record.connection_id, record.client_id, record.role, record.mode, tuple(record.tools)
    )
    others = (c for c in state.connections if c.connection_id != record.connection_id)
    return replace(state, connections=(*others, joined))


@apply.register
def _detached(record: rec.Detached, state: SessionState) -> SessionState:
    left = tuple(c for c in state.connections if c.connection_id != record.connection_id)
    return replace(state, connections=left)


@apply.register
def _queued(record: rec.Queued, state: SessionState) -> SessionState:
    message = QueuedMessage(
        record.message_id, record.text, record.delivery, record.model, record.at_ms
    )
    waits = any(item.message_id == record.message_id for item in state.queue)
    queue = (
        tuple(message if item.message_id == record.message_id else item for item in state.queue)
        if waits
        else (*state.queue, message)
    )
    return replace(state, queue=queue, updated_ms=record.at_ms)


@apply.register
def _dropped(record: rec.Dropped, state: SessionState) -> SessionState:
    return replace(state, queue=_without(state.queue, record.message_id))


@apply.register
def _renamed(record: rec.Renamed, state: SessionState) -> SessionState:
    return replace(state, **record.model_dump(exclude={"rec"}, exclude_none=True))


@apply.register
def _turn_started(record: rec.TurnStarted, state: SessionState) -> SessionState:
    asked = Message("user", record.turn, record.at_ms, record.message_id, record.text)
    turn = Turn(record.turn, record.message_id, record.text, record.model, record.at_ms)
    return replace(
        state,
        turn=turn,
        turns=record.turn,
        title=state.title or record.text.strip()[:60].partition("\n")[0],
        history=(*state.history, asked),
        queue=_without(state.queue, record.message_id),
        updated_ms=record.at_ms,
    )


apply.register(rec.LlmRequested, inference_records.requested)
apply.register(rec.LlmDone, inference_records.done)
apply.register(rec.LlmRetracted, inference_records.retracted)


@apply.register
def _tool_released(record: rec.ToolReleased, state: SessionState) -> SessionState:
    if state.turn and state.turn.call(record.call_id) is None:
        own = Call(record.call_id, record.tool, record.arguments, origin=record.origin)
        state = with_turn(state, calls=(*state.turn.calls, own))
    state = with_turn(after_release(state, record), bad_arguments=0)
    return with_call(
        state,
        record.call_id,
        phase="open",
        arguments=record.arguments,
        digest=record.digest,
        requires_approval=record.requires_approval,
        guard=record.guard,
        review=record.review,
        seq=record.seq,
        timeout_ms=record.timeout_ms,
    )


@apply.register
def _tool_split(record: ToolSplit, state: SessionState) -> SessionState:
    if state.turn is None:
        return state
    parts = [
        Call(
            write.call_id,
            "write_file",
            {"path": write.path, "content": write.content},
            origin="runtime",
            parent=record.call_id,
        )
        for write in record.writes
    ]
    calls = [*state.turn.calls]
    at = next((n for n, call in enumerate(calls) if call.call_id == record.call_id), 0)
    state = with_turn(state, calls=(*calls[:at], *parts, *calls[at:]), bad_arguments=0)
    state = without_review(state, record.diff)
    changes: dict[str, Any] = {"guard": record.guard, "review": record.review}
    return with_call(
        state, record.call_id, phase="split", arguments={"diff": record.diff}, **changes
    )


@apply.register
def _tool_delivered(record: rec.ToolDelivered, state: SessionState) -> SessionState:
    return with_call(state, record.call_id, delivered=True, deadline_ms=record.deadline_ms)


@apply.register
def _answered(record: rec.Answered, state: SessionState) -> SessionState:
    return with_call(state, record.call_id, answer=Answer(record.kind, record.given, record.by))


@apply.register
def _reopened(record: rec.Reopened, state: SessionState) -> SessionState:
    return with_call(state, record.call_id, answer=None)


@apply.register
def _decided(record: rec.Decided, state: SessionState) -> SessionState:
    if record.decision == "rejected":
        return state
    changes: dict[str, Any] = {"requires_approval": False, "deadline_ms": record.deadline_ms}
    changes |= {"answer": None}
    if record.decision == "edited":
        changes |= {"arguments": record.arguments, "guard": record.guard, "edited": True}
        changes |= {"digest": record.digest}
    return with_call(state, record.call_id, **changes)


@apply.register
def _tool_settled(record: rec.ToolSettled, state: SessionState) -> SessionState:
    turn = state.turn
    call = turn.call(record.call_id) if turn else None
    if call is None or turn is None:
        return state
    fault = record.body.get("error") if call.parent else None
    changes: dict[str, Any] = {"phase": "settled", "outcome": record.outcome, "fault": fault}
    state = with_call(state, record.call_id, answer=None, **changes)
    if call.phase == "planned":
        is_bad = record.code == ToolCode.INVALID_ARGUMENTS
        state = with_turn(state, bad_arguments=turn.bad_arguments + 1 if is_bad else 0)
    state = after_call(state, call, record)
    if call.origin == "runtime":
        return state
    told = Message(
        "tool",
        turn.number,
        record.at_ms,
        "",
        call_id=record.call_id,
        body=record.body,
    )
    return replace(state, history=(*state.history, told), updated_ms=record.at_ms)


@apply.register
def _late_result(record: rec.LateResult, state: SessionState) -> SessionState:
    note = Message("note", state.turns, record.at_ms, "", call_id=record.call_id, body=record.body)
    return replace(state, notes=(*state.notes, note))


@apply.register
def _turn_done(record: rec.TurnDone, state: SessionState) -> SessionState:
    history = state.history
    if record.text and state.turn:
        partial = Message("assistant", record.turn, record.at_ms, state.turn.answer_id, record.text)
        history = (*history, partial)
    return replace(state, turn=None, history=history, updated_ms=record.at_ms)


def _without(queue: tuple[QueuedMessage, ...], message_id: str) -> tuple[QueuedMessage, ...]:
    """The queue without one message."""
    return tuple(item for item in queue if item.message_id != message_id)
