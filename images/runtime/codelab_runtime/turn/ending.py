"""How a turn ends: every way leaves one final frame, no open call and no running inference."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from codelab_core.protocol.events import (
    ErrorFrame,
    ErrorSummary,
    TextDigest,
    ToolResolved,
    TurnCompleted,
    TurnUsage,
)
from codelab_runtime.turn.draft import Draft, TextDelta
from codelab_runtime.turn.facts import Infer
from codelab_runtime.turn.records import ToolSettled, TurnDone, TurnReason
from codelab_runtime.turn.splitting import missed, report
from codelab_runtime.turn.state import Call, Turn, joined

CANCELLED_BODY: Final[Mapping[str, Any]] = {
    "success": False,
    "error": {"code": "CANCELLED", "message": "The turn was ended.", "details": {}},
}


def finish(draft: Draft, reason: TurnReason, error: Mapping[str, Any] | None = None) -> None:
    """End the running turn. `error` has the wire fields of `CodelabError.to_wire`."""
    turn = draft.state.turn
    if turn is None:
        return
    if turn.asking and reason in {"cancelled", "interrupted"}:
        draft.after(Infer("cancel", turn.inference_id))
    for call in turn.unsettled:
        _cancel_call(draft, turn, call)
    text = joined(turn.shown)
    done = TurnDone(
        turn=turn.number,
        reason=reason,
        code=error["code"] if error else None,
        text=text,
        at_ms=draft.now_ms,
    )
    draft.record(done)
    if error:
        draft.emit(_error_frame(turn, error))
    draft.emit(TextDelta(turn.turn_id, turn.answer_id, "", is_final=True))
    draft.emit(_completed(draft, turn, reason, text, error))


def _cancel_call(draft: Draft, turn: Turn, call: Call) -> None:
    """Give a call without outcome its outcome; dialogs of open ones close."""
    settled = ToolSettled(
        call_id=call.call_id,
        outcome="cancelled",
        body=_cancelled_split(draft.turn, call) if call.phase == "split" else dict(CANCELLED_BODY),
        code="CANCELLED",
        at_ms=draft.now_ms,
    )
    draft.record(settled)
    if call.phase != "open":
        return
    draft.slots[call.call_id] = "cancelled"
    if call.requires_approval:
        draft.slots[f"{call.call_id}#a"] = "cancelled"
    draft.emit(
        ToolResolved(
            turn_id=turn.turn_id,
            call_id=call.call_id,
            phase="result",
            outcome="cancelled",
            code="CANCELLED",
        )
    )


def _cancelled_split(turn: Turn, call: Call) -> dict[str, Any]:
    """A patch that was being written file by file: what is written stays, and is told."""
    error = {**CANCELLED_BODY["error"], "details": {"failed": missed(turn, call)}}
    return {**report(turn, call), "success": False, "error": error}


def _error_frame(turn: Turn, error: Mapping[str, Any]) -> ErrorFrame:
    """The failure of a turn, for people and programs."""
    return ErrorFrame(
        turn_id=turn.turn_id,
        code=error["code"],
        class_=error.get("class"),
        message=error["message"],
        content=error["message"],
        retryable=error.get("retryable", False),
        retry_after_ms=error.get("retry_after_ms"),
        details=error.get("details"),
    )


def _completed(
    draft: Draft, turn: Turn, reason: TurnReason, text: str, error: Mapping[str, Any] | None
) -> TurnCompleted:
    """The last event of a turn: what it used, and the hashes of its texts."""
    digests = [TextDigest(message_id=m, chars=n, sha256=h) for m, n, h in turn.digests]
    if text:
        digest = sha256(text.encode()).hexdigest()
        digests.append(TextDigest(message_id=turn.answer_id, chars=len(text), sha256=digest))
    summary = error and ErrorSummary(
        code=error["code"], class_=error.get("class"), message=error["message"]
    )
    return TurnCompleted(
        turn_id=turn.turn_id,
        reason=reason,
        model=turn.answered_by or turn.model,
        provider=turn.provider or None,
        usage=TurnUsage(
            inferences=turn.inferences,
            prompt_tokens=turn.usage.get("prompt_tokens"),
            completion_tokens=turn.usage.get("completion_tokens"),
            cached_tokens=turn.usage.get("cached_tokens"),
            tool_calls=turn.tool_calls,
            duration_ms=max(0, draft.now_ms - turn.started_ms),
        ),
        digests=digests,
        error=summary or None,
    )
