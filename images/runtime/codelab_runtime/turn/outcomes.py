"""The one outcome of a call, and when its time is over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from codelab_core.protocol.events import Event, ToolResolved
from codelab_core.protocol.frames import MAX_FRAME_BYTES
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import BUILT_IN
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.records import ToolSettled
from codelab_runtime.turn.results import failure_body
from codelab_runtime.turn.state import Call, SessionState

_SEQ_BYTES: Final = 64
"""Room for the number that an event will get."""
Shown = Literal["completed", "failed", "timed_out", "cancelled"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended. `body` is for the model; `reviewed` the diff that a review picked."""

    outcome: Shown
    body: Mapping[str, Any]
    by: str | None = None
    code: str | None = None
    reviewed: str | None = None

    @classmethod
    def failure(cls, error: ToolError, *, by: str | None = None, outcome: Shown = "failed") -> Self:
        """A call that failed with a code."""
        return cls(outcome, failure_body(error), by, str(error.code))


def settle(draft: Draft, call: Call, ending: Ending) -> None:
    """Give a call its outcome; clients hear of those that they have seen."""
    draft.record(
        ToolSettled(
            call_id=call.call_id,
            outcome=ending.outcome,
            body=dict(ending.body),
            by=ending.by,
            code=ending.code,
            reviewed=ending.reviewed,
            at_ms=draft.now_ms,
        )
    )
    if call.phase == "open":
        draft.emit(
            ToolResolved(
                turn_id=draft.turn.turn_id,
                call_id=call.call_id,
                phase="result",
                outcome=ending.outcome,
                by=ending.by,
                code=ending.code,
            )
        )


def oversize(event: Event) -> ToolError | None:
    """Why an event about a call cannot be sent: it would be larger than a frame may be."""
    size = len(event.encode())
    if size <= MAX_FRAME_BYTES - _SEQ_BYTES:
        return None
    message = "The call is too large to send."
    return ToolError(ToolCode.TOO_LARGE, message, max=MAX_FRAME_BYTES, actual=size)


def expire(draft: Draft) -> None:
    """Tell the model of every call whose time is over."""
    for call in draft.state.turn.unsettled if draft.state.turn else ():
        if call.deadline_ms is None or call.deadline_ms > draft.now_ms or call.answer:
            continue
        draft.slots[call.call_id] = "expired"
        if call.requires_approval:
            draft.slots[f"{call.call_id}#a"] = "expired"
        limit = timeout_ms(draft, call, question=call.requires_approval)
        fault = ToolError(ToolCode.TOOL_TIMEOUT, "No answer came in time.", timeout_ms=limit)
        settle(draft, call, Ending.failure(fault, outcome="timed_out"))


def next_deadline(state: SessionState) -> int | None:
    """The first moment (wall ms) at which `expire` has something to do."""
    calls = state.turn.unsettled if state.turn else ()
    return min((c.deadline_ms for c in calls if c.deadline_ms and not c.answer), default=None)


def deadline_after(draft: Draft, call: Call, *, question: bool = False) -> int | None:
    """When the time of a call that starts now is over; `question`: a person is asked first."""
    limit = timeout_ms(draft, call, question=question)
    return draft.now_ms + limit if limit else None


def timeout_ms(draft: Draft, call: Call, *, question: bool) -> int:
    """How long a call may take; 0: no limit."""
    spec = BUILT_IN.get(call.tool)
    if question or (spec and spec.kind == "prompt"):
        return draft.rules.question_timeout_ms
    return call.timeout_ms if spec is None and call.timeout_ms else draft.rules.file_tool_timeout_ms
