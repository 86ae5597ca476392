"""How each record changes the state: the same code live and after a crash."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce, singledispatch
from hashlib import sha256
from typing import Any

from codelab_runtime.turn import records as rec
from codelab_runtime.turn.knowledge import after_call, after_release
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
    others = tuple(item for item in state.queue if item.message_id != record.message_id)
    return replace(state, queue=(*others, message), updated_ms=record.at_ms)


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


@apply.register
def _llm_requested(record: rec.LlmRequested, state: SessionState) -> SessionState:
    turn = state.turn
    if turn is None:
        return state
    steers = state.steering
    told = (Message("user", turn.number, m.at_ms, m.message_id, m.text) for m in steers)
    asking = replace(
        turn,
        step=record.step,
        gen=record.gen,
        retracted=record.retracted,
        inference_id=record.inference_id,
        request_seq=record.seq,
        asking=True,
        calls=(),
        inferences=turn.inferences + 1,
        shown=None,
        shown_chunks=0,
        crc=0,
        held_calls=(),
        held_text="",
    )
    queue = tuple(item for item in state.queue if item not in steers)
    return replace(state, turn=asking, queue=queue, history=(*state.history, *told))


@apply.register
def _llm_done(record: rec.LlmDone, state: SessionState) -> SessionState:
    turn = state.turn
    if turn is None:
        return state
    answer = Message(
        "assistant",
        turn.number,
        record.at_ms,
        record.message_id,
        record.text,
        calls=tuple(record.calls),
        provider_state=record.provider_state,
    )
    done = replace(
        turn,
        asking=False,
        calls=tuple(Call(c.call_id, c.tool, c.arguments) for c in record.calls),
        tool_calls=turn.tool_calls + len(record.calls),
        usage=_summed(turn.usage, record.usage),
        answered_by=record.model,
        provider=record.provider,
        digests=(*turn.digests, *_digests(record.message_id, record.text)),
        shown=None,
        held_calls=(),
        held_text="",
    )
    return replace(state, turn=done, history=(*state.history, answer), updated_ms=record.at_ms)


@apply.register
def _llm_retracted(record: rec.LlmRetracted, state: SessionState) -> SessionState:
    retracted = state.turn.retracted if state.turn else 0
    step = 1 if record.reason == "regenerated" else 0
    return with_turn(state, retracted=retracted + step, shown=None, held_calls=(), held_text="")


@apply.register
def _tool_released(record: rec.ToolReleased, state: SessionState) -> SessionState:
    if state.turn and state.turn.call(record.call_id) is None:
        own = Call(record.call_id, record.tool, record.arguments, origin=record.origin)
        state = with_turn(state, calls=(*state.turn.calls, own))
    state = after_release(state, record)
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
    call = state.turn.call(record.call_id) if state.turn else None
    if call is None or state.turn is None:
        return state
    state = with_call(state, record.call_id, phase="settled", outcome=record.outcome)
    state = after_call(state, call, record)
    if call.origin == "runtime" or state.turn is None:
        return state
    told = Message(
        "tool",
        state.turn.number,
        record.at_ms,
        "",
        call_id=record.call_id,
        body=record.body,
    )
    return replace(state, history=(*state.history, told), updated_ms=record.at_ms)


@apply.register
def _late_result(record: rec.LateResult, state: SessionState) -> SessionState:
    note = Message("note", state.turns, record.at_ms, "", call_id=record.call_id, body=record.body)
    return replace(state, history=(*state.history, note))


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


def _summed(total: Mapping[str, int], more: Mapping[str, int]) -> Mapping[str, int]:
    """Usage added up; a number that nobody reported stays absent."""
    return {name: total.get(name, 0) + more.get(name, 0) for name in {*total, *more}}


def _digests(message_id: str, text: str) -> tuple[tuple[str, int, str], ...]:
    """Id, length and hash of a whole text; none for no text."""
    return ((message_id, len(text), sha256(text.encode()).hexdigest()),) if text else ()
