"""The one outcome of a call, and the end of its time."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_core.protocol.events import ToolResolved
from codelab_core.protocol.frames import MAX_FRAME_BYTES
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.facts import Rules
from codelab_runtime.turn.outcomes import (
    Ending,
    deadline_after,
    expire,
    next_deadline,
    oversize,
    settle,
    timeout_ms,
)
from codelab_runtime.turn.state import Answer, Call, SessionState, Turn

NOW = 10_000
OPEN = Call("c1-1-0", "read_file", {"path": "a"}, phase="open", deadline_ms=NOW)


def draft(*calls: Call, **rules: Any) -> Draft:
    turn = Turn(1, "u1", "hello", "m", 5, step=1, calls=calls)
    return Draft(SessionState("s1", turn=turn), Rules(**rules), NOW)


def test_an_open_call_is_settled_for_model_and_clients() -> None:
    made = draft(OPEN)

    settle(made, OPEN, Ending("completed", {"success": True}, "ann", reviewed="diff"))

    assert made.records == [
        rec.ToolSettled(
            call_id="c1-1-0",
            outcome="completed",
            body={"success": True},
            by="ann",
            reviewed="diff",
            at_ms=NOW,
        )
    ]
    assert made.events == [
        ToolResolved(turn_id="t1", call_id="c1-1-0", phase="result", outcome="completed", by="ann")
    ]


def test_a_call_that_no_client_has_seen_is_settled_silently() -> None:
    planned = replace(OPEN, phase="planned")
    made = draft(planned)

    settle(made, planned, Ending.failure(ToolError(ToolCode.TOOL_NOT_FOUND, "m")))

    assert made.events == []
    assert [record.rec for record in made.records] == ["tool_result"]


def test_a_failure_says_its_code_to_both() -> None:
    ending = Ending.failure(ToolError(ToolCode.REJECTED, "m"), by="ann", outcome="cancelled")

    error = {"code": "REJECTED", "message": "m", "details": {}}
    body = {"success": False, "error": error}
    assert ending == Ending("cancelled", body, "ann", "REJECTED")


def test_a_call_whose_time_is_over_times_out() -> None:
    made = draft(OPEN, file_tool_timeout_ms=60_000)

    expire(made)

    error = {
        "code": "TOOL_TIMEOUT",
        "message": "No answer came in time.",
        "details": {"timeout_ms": 60_000},
    }
    assert made.slots == {"c1-1-0": "expired"}
    assert made.records == [
        rec.ToolSettled(
            call_id="c1-1-0",
            outcome="timed_out",
            body={"success": False, "error": error},
            code="TOOL_TIMEOUT",
            at_ms=NOW,
        )
    ]


def test_an_approval_that_nobody_gave_expires_with_its_call() -> None:
    made = draft(replace(OPEN, requires_approval=True), question_timeout_ms=9)

    expire(made)

    assert made.slots == {"c1-1-0": "expired", "c1-1-0#a": "expired"}
    (settled,) = made.records
    assert isinstance(settled, rec.ToolSettled)
    assert settled.body["error"]["details"] == {"timeout_ms": 9}  # type: ignore[index,call-overload]  # JSON


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(replace(OPEN, deadline_ms=NOW + 1), id="not-yet"),
        pytest.param(replace(OPEN, deadline_ms=None), id="no-limit"),
        pytest.param(replace(OPEN, answer=Answer("review", {}, None)), id="answered"),
        pytest.param(replace(OPEN, phase="settled"), id="settled"),
    ],
)
def test_other_calls_have_time(call: Call) -> None:
    made = draft(call)

    expire(made)

    assert made.records == []


def test_without_a_turn_nothing_expires() -> None:
    made = Draft(SessionState("s1"), Rules(), NOW)

    expire(made)

    assert made.records == []
    assert next_deadline(made.state) is None


def test_the_next_deadline_is_the_earliest_of_calls_without_answer() -> None:
    made = draft(
        replace(OPEN, deadline_ms=50),
        replace(OPEN, call_id="b", deadline_ms=20, answer=Answer("edit", {}, None)),
        replace(OPEN, call_id="c", deadline_ms=30),
        replace(OPEN, call_id="d", deadline_ms=None),
    )

    assert next_deadline(made.state) == 30
    assert next_deadline(draft(replace(OPEN, deadline_ms=None)).state) is None


@pytest.mark.parametrize(
    ("tool", "question", "own", "expected"),
    [
        pytest.param("read_file", False, None, 60, id="file-tool"),
        pytest.param("read_file", False, 5, 60, id="built-in-tools-have-the-setting"),
        pytest.param("apply_patch", True, None, 24, id="an-approval-is-a-question"),
        pytest.param("prompt_user", False, None, 24, id="a-question"),
        pytest.param("declared", False, 7, 7, id="declared"),
        pytest.param("declared", False, None, 60, id="declared-without-time"),
        pytest.param("declared", True, 7, 24, id="declared-and-asked"),
    ],
)
def test_how_long_a_call_may_take(
    tool: str,
    question: bool,  # noqa: FBT001 -- a column of the table
    own: int | None,
    expected: int,
) -> None:
    made = draft(file_tool_timeout_ms=60, question_timeout_ms=24)
    call = replace(OPEN, tool=tool, timeout_ms=own)

    assert timeout_ms(made, call, question=question) == expected
    assert deadline_after(made, call, question=question) == NOW + expected


def test_a_limit_of_zero_is_none() -> None:
    assert deadline_after(draft(file_tool_timeout_ms=0), OPEN) is None


def test_an_event_larger_than_a_frame_is_not_sent() -> None:
    def resolved(size: int) -> ToolResolved:
        text = {"content": "x" * size}
        return ToolResolved(
            turn_id="t1", call_id="c", phase="decision", outcome="edited", arguments=text
        )

    rest = len(resolved(0).encode())

    assert oversize(resolved(MAX_FRAME_BYTES - 64 - rest)) is None
    fault = oversize(resolved(MAX_FRAME_BYTES - 63 - rest))
    assert fault is not None
    assert fault.to_wire()["details"] == {"max": MAX_FRAME_BYTES, "actual": MAX_FRAME_BYTES - 63}
    assert fault.code is ToolCode.TOO_LARGE
