"""How the records of an inference change the state: asked, answered, taken back. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from codelab_core.llm_names import SCRIPTED
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.state import Call, Message, SessionState, Turn, with_turn


def requested(record: rec.LlmRequested, state: SessionState) -> SessionState:
    """The model is asked: what waited to be told joins the history, the step begins empty."""
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
        squeezes=record.squeezes,
        inference_id=record.inference_id,
        request_seq=record.seq,
        asking=True,
        asked_tools=state.driver.tools if state.driver else None,
        calls=(),
        inferences=turn.inferences + 1,
        shown=None,
        shown_chunks=0,
        crc=0,
        held_calls=(),
        held_text=None,
        computing=frozenset(),
        waiting={},
    )
    queue = tuple(item for item in state.queue if item not in steers)
    history = (*state.history, *state.notes, *told)
    return replace(state, turn=asking, queue=queue, history=history, notes=())


def done(record: rec.LlmDone, state: SessionState) -> SessionState:
    """The answer is whole: it joins the history, its calls are planned."""
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
    model, provider = _who_answered(turn, record)
    answered = replace(
        turn,
        asking=False,
        calls=tuple(Call(c.call_id, c.tool, c.arguments) for c in record.calls),
        tool_calls=turn.tool_calls + len(record.calls),
        usage=_summed(turn.usage, record.usage),
        answered_by=model,
        provider=provider,
        digests=(*turn.digests, *_digests(record.message_id, record.text)),
        shown=None,
        held_calls=(),
        held_text=None,
    )
    return replace(state, turn=answered, history=(*state.history, answer), updated_ms=record.at_ms)


def retracted(_record: rec.LlmRetracted, state: SessionState) -> SessionState:
    """What was shown of the answer is void; what follows has another message id."""
    before = state.turn.retracted if state.turn else 0
    return with_turn(state, retracted=before + 1, shown=None, held_calls=(), held_text=None)


def _who_answered(turn: Turn, record: rec.LlmDone) -> tuple[str, str]:
    """Model and provider of a turn: the last ones, but for what the scripted one had a part in.

    It may have stood in for a real one, whose name the turn must not bear then.
    """
    if turn.provider == SCRIPTED:
        return turn.answered_by, turn.provider
    return record.model, record.provider


def _summed(total: Mapping[str, int], more: Mapping[str, int]) -> Mapping[str, int]:
    """Usage added up; a number that nobody reported stays absent."""
    return {name: total.get(name, 0) + more.get(name, 0) for name in {*total, *more}}


def _digests(message_id: str, text: str) -> tuple[tuple[str, int, str], ...]:
    """Id, length and hash of a whole text; none for no text."""
    return ((message_id, len(text), sha256(text.encode()).hexdigest()),) if text else ()
