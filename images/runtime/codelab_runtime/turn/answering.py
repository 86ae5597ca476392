"""What clients say about open calls: delivered, decided, answered; and what follows from it."""

from collections.abc import Mapping
from typing import Any

from codelab_core.protocol.events import ErrorFrame, ToolResolved
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.preparing import Prepared, Reviewed
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.facts import Worked
from codelab_runtime.turn.outcomes import Ending, deadline_after, oversize, settle
from codelab_runtime.turn.results import answer_fault, failure_body, result_body
from codelab_runtime.turn.state import Call, Turn


def delivered(draft: Draft, command: Mapping[str, Any]) -> None:
    """The driver has applied events up to `seq`: the time of its new calls starts."""
    driver = draft.state.driver
    if driver is None or command.get("connection_id") != driver.connection_id:
        return
    for call in draft.state.turn.unsettled if draft.state.turn else ():
        if call.phase == "open" and not call.delivered and call.seq <= command["seq"]:
            deadline = deadline_after(draft, call, question=call.requires_approval)
            draft.record(rec.ToolDelivered(call_id=call.call_id, deadline_ms=deadline))


def decision(draft: Draft, command: Mapping[str, Any]) -> None:
    """Approve, edit or reject a call that waits for a person."""
    turn = draft.state.turn
    call = turn.call(command["call_id"]) if turn else None
    if turn is None or call is None or not call.awaits_decision or call.answer:
        return
    match command["decision"]:
        case "approve":
            approve(draft, turn, call, command.get("by"))
        case "reject":
            _reject(draft, turn, call, command)
        case _:
            given = command.get("modified_arguments") or {}
            draft.record(
                rec.Answered(call_id=call.call_id, kind="edit", given=given, by=command.get("by"))
            )


def approve(draft: Draft, turn: Turn, call: Call, by: str | None) -> None:
    """The call may run as it is."""
    draft.record(
        rec.Decided(
            call_id=call.call_id,
            decision="approved",
            by=by,
            deadline_ms=deadline_after(draft, call) if call.delivered else None,
        )
    )
    draft.emit(
        ToolResolved(
            turn_id=turn.turn_id,
            call_id=call.call_id,
            phase="decision",
            outcome="approved",
            by=by,
        )
    )


def _reject(draft: Draft, turn: Turn, call: Call, command: Mapping[str, Any]) -> None:
    """The call must not run; the model is told, with what the person said."""
    by, feedback = command.get("by"), command.get("feedback")
    draft.record(rec.Decided(call_id=call.call_id, decision="rejected", by=by, feedback=feedback))
    details = {"by": by, "feedback": feedback}
    refusal = ToolError(
        ToolCode.REJECTED,
        feedback or "The person refused this call.",
        **{name: text for name, text in details.items() if text},
    )
    draft.slots[call.call_id] = "cancelled"
    draft.record(
        rec.ToolSettled(
            call_id=call.call_id,
            outcome="rejected",
            body=failure_body(refusal),
            by=by,
            code=str(refusal.code),
            at_ms=draft.now_ms,
        )
    )
    draft.emit(
        ToolResolved(
            turn_id=turn.turn_id,
            call_id=call.call_id,
            phase="decision",
            outcome="rejected",
            by=by,
            code=str(refusal.code),
        )
    )


def tool_result(draft: Draft, command: Mapping[str, Any], *, late: bool) -> None:
    """The answer of a client: the call's outcome, or, too late, a note for the model."""
    turn, by = draft.state.turn, command.get("by")
    call = turn.call(command["call_id"]) if turn else None
    if turn is None or call is None or late or not _takes_result(call):
        body, _ = result_body(None, command)
        draft.record(rec.LateResult(call_id=command["call_id"], body=body, at_ms=draft.now_ms))
        return
    if call.awaits_decision:
        approve(draft, turn, call, by)
    fault = answer_fault(call, command)
    if fault:
        reopen(draft, call, fault)
    elif call.tool == "apply_patch_review" and not command.get("error"):
        given = command.get("result")
        answer = given if isinstance(given, dict) else {}
        draft.record(rec.Answered(call_id=call.call_id, kind="review", given=answer, by=by))
    else:
        body, code = result_body(call, command)
        settle(draft, call, Ending("failed" if code else "completed", body, by, code))


def review_ended(draft: Draft, call: Call, outcome: Worked) -> None:
    """A review was worked out; a choice that cannot stand alone is asked for again."""
    by = call.answer.by if call.answer else None
    if isinstance(outcome, Reviewed):
        settle(draft, call, Ending("completed", outcome.body, by, reviewed=outcome.diff))
    elif isinstance(outcome, ToolError) and outcome.code is ToolCode.READ_FIRST:
        settle(draft, call, Ending.failure(outcome, by=by))
    elif isinstance(outcome, ToolError):
        reopen(draft, call, outcome)


def edit_ended(draft: Draft, turn: Turn, call: Call, outcome: Worked) -> None:
    """A person's own arguments were worked out: they run instead, or are asked for again."""
    by = call.answer.by if call.answer else None
    if not isinstance(outcome, Prepared):
        fault = ToolError(ToolCode.READ_FIRST, "The model has not read this file.")
        reopen(draft, call, outcome if isinstance(outcome, ToolError) else fault, approval=True)
        return
    event = ToolResolved(
        turn_id=turn.turn_id,
        call_id=call.call_id,
        phase="decision",
        outcome="edited",
        by=by,
        arguments=dict(outcome.arguments),
        guard=_copy(outcome.guard),
        digest=outcome.digest,
    )
    too_large = oversize(event)
    if too_large:
        reopen(draft, call, too_large, approval=True)
        return
    draft.record(
        rec.Decided(
            call_id=call.call_id,
            decision="edited",
            by=by,
            arguments=event.arguments,
            guard=event.guard,
            digest=outcome.digest,
            deadline_ms=deadline_after(draft, call) if call.delivered else None,
        )
    )
    draft.emit(event)


def reopen(draft: Draft, call: Call, fault: ToolError, *, approval: bool = False) -> None:
    """An answer cannot be used: say why, and wait for another one."""
    slot = f"{call.call_id}#a" if approval else call.call_id
    draft.slots |= {slot: "open", f"{slot}:d": ""}
    draft.record(rec.Reopened(call_id=call.call_id))
    draft.emit(
        ErrorFrame(
            turn_id=draft.turn.turn_id,
            call_id=call.call_id,
            code=str(fault.code),
            message=fault.message,
            content=fault.message,
            retryable=True,
            details=fault.details,
        )
    )


def _takes_result(call: Call) -> bool:
    """Whether a result settles the call: one that is being edited was run without waiting."""
    return call.phase == "open" and (call.answer is None or call.answer.kind == "edit")


def _copy(guard: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A guard as the wire types want it."""
    return None if guard is None else dict(guard)
