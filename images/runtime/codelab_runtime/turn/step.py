"""One session, one fact, one step: what to commit and what to do next. Pure.

Read down: a fact changes the state through records; then `advance` does what the state asks for.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.turn import answering, asking, facts, messages, outcomes, releasing
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.ending import finish
from codelab_runtime.turn.records import SessionOpened
from codelab_runtime.turn.splitting import settle_splits
from codelab_runtime.turn.state import SessionState, Turn, with_turn

_COMMANDS: Final[Mapping[str, Callable[[Draft, Mapping[str, Any]], None]]] = {
    "user_message": messages.user_message,
    "cancel": messages.cancel,
    "attach": messages.attach,
    "detach": messages.detach,
    "rename": messages.rename,
    "close": messages.close,
    "ack": answering.delivered,
    "hitl_decision": answering.decision,
}
_INFERENCE: Final[Mapping[type[Any], Callable[[Draft, Turn, Any], None]]] = {
    facts.Chunks: asking.chunks,
    facts.CallArrived: asking.call_arrived,
    facts.Restarted: asking.restarted,
    facts.InferenceEnded: asking.inference_ended,
    facts.InferenceFailed: asking.inference_failed,
    facts.InferenceLost: asking.inference_lost,
}


def step(state: SessionState, fact: facts.Fact, rules: facts.Rules, now_ms: int) -> Draft:
    """What one fact leads to. `now_ms` is the time of the store."""
    draft = Draft(state, rules, now_ms)
    match fact:
        case facts.Accepted():
            _accepted(draft, fact)
        case facts.Computed():
            _computed(draft, fact)
        case facts.TimerFired():
            outcomes.expire(draft)
        case facts.Resumed():
            _resumed(draft, fact)
        case _:
            _inferred(draft, fact)
    advance(draft)
    return draft


def advance(draft: Draft) -> None:
    """Do what the state asks for: the next turn, the next question to the model, the next calls."""
    if draft.state.turn is None and draft.state.queue:
        messages.start_turn(draft, draft.state.queue[0])
    if draft.state.turn is None or draft.turn.asking:
        return
    settle_splits(draft)
    if draft.turn.unsettled:
        releasing.open_questions(draft)
        releasing.start_computing(draft)
    if not draft.turn.unsettled:
        _next_step(draft, draft.turn)


def _next_step(draft: Draft, turn: Turn) -> None:
    """All calls have their outcome: ask the model again, or end the turn and begin the next."""
    if turn.step == 0 or turn.calls or draft.state.steering:
        asking.ask(draft, turn)
    else:
        finish(draft, "completed")
    if draft.state.turn is None:
        advance(draft)


def _accepted(draft: Draft, fact: facts.Accepted) -> None:
    """A command of the inbox; an unknown kind is from a newer release and changes nothing."""
    draft.state = replace(draft.state, consumed=fact.n)
    kind = fact.command["type"]
    if draft.state.closed:
        return
    if kind == "tool_result":
        answering.tool_result(draft, fact.command, late=fact.late)
    elif kind in _COMMANDS:
        _COMMANDS[kind](draft, fact.command)


def _inferred(draft: Draft, fact: facts.Fact) -> None:
    """Something of an inference; what comes from one that is no longer wanted is dropped."""
    turn = draft.state.turn
    wanted = turn is not None and turn.asking and turn.inference_id
    if turn and wanted and wanted == getattr(fact, "inference_id", None):
        _INFERENCE[type(fact)](draft, turn, fact)


def _computed(draft: Draft, fact: facts.Computed) -> None:
    """A call was worked out."""
    turn = draft.state.turn
    call = turn.call(fact.call_id) if turn else None
    if turn is None or call is None or call.call_id not in turn.computing:
        return
    draft.state = with_turn(draft.state, computing=turn.computing - {call.call_id})
    if call.phase == "settled":
        return
    if call.answer is None:
        releasing.prepare_ended(draft, turn, call, fact.outcome)
    elif call.answer.kind == "edit":
        answering.edit_ended(draft, turn, call, fact.outcome)
    else:
        answering.review_ended(draft, call, fact.outcome)


def _resumed(draft: Draft, fact: facts.Resumed) -> None:
    """A worker took the session: go on where the journal and the log stand."""
    if not draft.state.principal:
        draft.record(SessionOpened(principal=fact.principal))
    turn = draft.state.turn
    if turn is None:
        return
    if turn.asking:
        rope = (None, fact.shown) if fact.shown else None
        draft.state = with_turn(draft.state, shown=rope, shown_chunks=fact.chunks, crc=fact.crc)
    if not fact.poisoned:
        if turn.asking:
            draft.after(facts.Infer("open", turn.inference_id, fact.chunks))
        return
    if turn.asking:
        draft.after(facts.Infer("cancel", turn.inference_id))
    finish(draft, "failed", CodelabError(Code.TURN_POISONED).to_wire())
