"""The model is asked and answers: text is shown as it comes, calls wait for the answer's end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.events import MessageRetracted
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.ending import finish
from codelab_runtime.turn.facts import (
    CallArrived,
    Chunks,
    Infer,
    InferenceEnded,
    InferenceFailed,
    InferenceLost,
    Restarted,
)
from codelab_runtime.turn.messages import inference_id
from codelab_runtime.turn.state import Turn, joined, with_turn

MAX_GENERATIONS: Final = 8
"""How often one step is sampled: the first time, and after lost records.

Pods of the proxy leave one after the other when they are replaced; each may take one with it.
"""
MAX_SQUEEZES: Final = 2
"""How often a turn halves its requests before it gives up."""


def ask(draft: Draft, turn: Turn, *, again: bool = False, squeezes: int | None = None) -> None:
    """Ask the model for the next step, or `again` for the same one; `squeezes`: with less text."""
    step, gen = (turn.step, turn.gen + 1) if again else (turn.step + 1, 0)
    if step > draft.rules.max_steps:
        limit = CodelabError(Code.TURN_LIMIT, "steps", limit=draft.rules.max_steps)
        finish(draft, "limit", limit.to_wire())
        return
    wanted = inference_id(draft.state.session_id, turn.number, step, gen)
    draft.record(
        rec.LlmRequested(
            step=step,
            gen=gen,
            retracted=turn.retracted if again else 0,
            squeezes=turn.squeezes if squeezes is None else squeezes,
            inference_id=wanted,
            seq=draft.state.head,
            at_ms=draft.now_ms,
        )
    )
    draft.after(Infer("open", wanted))


def chunks(draft: Draft, turn: Turn, fact: Chunks) -> None:
    """Show text; after the first call it is held: a successor re-reads from the last text shown."""
    if turn.held_calls:
        draft.state = with_turn(draft.state, held_text=(turn.held_text, fact.text))
        return
    draft.show(turn.turn_id, turn.answer_id, fact.text)
    rope = (turn.shown, fact.text)
    draft.state = with_turn(draft.state, shown=rope, shown_chunks=fact.n, crc=fact.crc)


def call_arrived(draft: Draft, turn: Turn, fact: CallArrived) -> None:
    """Keep a call until the answer ends: only then is it known that the answer stands."""
    if all(call.call_id != fact.call.call_id for call in turn.held_calls):
        draft.state = with_turn(draft.state, held_calls=(*turn.held_calls, fact.call))


def restarted(draft: Draft, turn: Turn, _fact: Restarted) -> None:
    """The proxy began the answer anew; what was shown of it is taken back."""
    _retract(draft, turn)
    draft.state = with_turn(draft.state, held_calls=(), held_text=None)


def _retract(draft: Draft, turn: Turn) -> None:
    """Take back the text shown; nothing shown, nothing said."""
    if turn.shown is None:
        return
    draft.record(rec.LlmRetracted(message_id=turn.answer_id, reason="regenerated"))
    replacement = replace(turn, retracted=turn.retracted + 1).answer_id
    draft.emit(
        MessageRetracted(
            message_id=turn.answer_id,
            turn_id=turn.turn_id,
            reason="regenerated",
            replaced_by=replacement,
        )
    )


def inference_ended(draft: Draft, turn: Turn, fact: InferenceEnded) -> None:
    """Journal the whole answer; the calls that it asks for are planned with it."""
    held = joined(turn.held_text)
    draft.show(turn.turn_id, turn.answer_id, held)
    done: Mapping[str, Any] = fact.done
    draft.record(
        rec.LlmDone(
            message_id=turn.answer_id,
            text=joined(turn.shown) + held,
            calls=list(turn.held_calls),
            finish=done["finish_reason"],
            chunks=fact.chunks,
            model=done["model"],
            provider=done["provider"],
            provider_state=done.get("provider_state"),
            usage=dict(fact.usage),
            at_ms=draft.now_ms,
        )
    )


def inference_failed(draft: Draft, turn: Turn, fact: InferenceFailed) -> None:
    """The proxy has tried what it could: the turn fails with its error.

    A request that the provider found too long is made again, with half of the text: our estimate
    was wrong. One that we found too long ourselves says what it needs, and stays too long.
    """
    is_too_long = fact.error["code"] == Code.CONTEXT_TOO_LONG
    is_ours = "needed" in (fact.error.get("details") or {})
    if is_too_long and not is_ours and turn.shown is None and turn.squeezes < MAX_SQUEEZES:
        ask(draft, turn, again=True, squeezes=turn.squeezes + 1)
    else:
        finish(draft, "failed", fact.error)


def inference_lost(draft: Draft, turn: Turn, _fact: InferenceLost) -> None:
    """Ask again; text that was shown is taken back, never silently changed."""
    if turn.gen + 1 >= MAX_GENERATIONS:
        finish(draft, "failed", CodelabError(Code.PROVIDER_ERROR, "cut").to_wire())
        return
    _retract(draft, turn)
    ask(draft, draft.turn, again=True)
