"""What clients say about open calls, and what follows."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_core.protocol.frames import MAX_FRAME_BYTES
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.preparing import NeedsRead, Prepared, Reviewed
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.facts import Compute
from codelab_runtime.turn.state import Answer
from fakes.turns import START_MS, Session, bodies, kinds

CALL = "c1-1-0"
EDIT = ("write_file", {"path": "a", "content": "x"})
READ = ("read_file", {"path": "a"})
ASK = ("prompt_user", {"message": "?", "actions": ["yes", "no"]})
REVIEW = ("apply_patch_review", {"diff": "d"})
GUARD = {"files": [{"path": "a", "op": "create", "pre_sha": "absent", "post_sha": "1"}]}


def with_call(call: tuple[str, Any], mode: str = "v1") -> Session:
    session = Session()
    session.attach(mode)
    session.say()
    session.answer("", call)
    session.work_out(CALL)
    return session


def resolved(outcome: str, phase: str = "result", **fields: Any) -> dict[str, Any]:
    event = {"type": "tool_resolved", "turn_id": "t1", "call_id": CALL, "phase": phase}
    return {**event, "outcome": outcome, **fields}


def settled(session: Session) -> rec.ToolSettled:
    found = [record for record in session.journal if isinstance(record, rec.ToolSettled)]
    return found[-1]


@pytest.mark.parametrize(
    ("call", "limit"),
    [
        pytest.param(READ, 60_000, id="file-tool"),
        pytest.param(EDIT, 86_400_000, id="waits-for-approval"),
        pytest.param(ASK, 86_400_000, id="question"),
    ],
)
def test_time_runs_from_the_ack_of_the_driver(call: tuple[str, Any], limit: int) -> None:
    session = with_call(call)
    session.now_ms += 500

    session.command("ack", connection_id="x1", seq=len(session.log))

    deadline = session.now_ms + limit
    assert session.journal[-1] == rec.ToolDelivered(call_id=CALL, deadline_ms=deadline)


@pytest.mark.parametrize(
    "ack",
    [
        pytest.param({"connection_id": "x9", "seq": 99}, id="not-the-driver"),
        pytest.param({"connection_id": "x1", "seq": 1}, id="an-earlier-event"),
    ],
)
def test_other_acks_start_no_clock(ack: dict[str, Any]) -> None:
    session = with_call(READ)
    before = session.journal[:]

    session.command("ack", **ack)

    assert session.journal == before


def test_a_second_ack_changes_no_deadline() -> None:
    session = with_call(READ)
    session.command("ack", connection_id="x1", seq=99)
    before = session.state.turn

    session.now_ms += 1000
    session.command("ack", connection_id="x1", seq=100)

    assert session.state.turn == before


def test_an_ack_without_driver_or_turn_is_nothing() -> None:
    alone, idle = Session(), Session()
    idle.attach()

    alone.command("ack", connection_id="x1", seq=1)
    idle.command("ack", connection_id="x1", seq=1)

    assert alone.journal == []
    assert kinds(idle.log) == ["client_attached"]


def test_an_approved_call_may_run_and_its_time_begins() -> None:
    session = with_call(EDIT)
    session.command("ack", connection_id="x1", seq=99)
    session.now_ms += 500

    events = session.command("hitl_decision", call_id=CALL, decision="approve", by="bob")

    assert bodies(events) == [resolved("approved", "decision", by="bob")]
    assert session.journal[-1] == rec.Decided(
        call_id=CALL, decision="approved", by="bob", deadline_ms=session.now_ms + 60_000
    )


def test_a_call_approved_before_it_was_delivered_has_no_deadline_yet() -> None:
    session = with_call(EDIT)

    session.command("hitl_decision", call_id=CALL, decision="approve", by="bob")

    assert session.journal[-1] == rec.Decided(call_id=CALL, decision="approved", by="bob")


def test_a_rejected_call_is_told_to_the_model_with_what_the_person_said() -> None:
    session = with_call(EDIT)

    events = session.command(
        "hitl_decision", call_id=CALL, decision="reject", by="bob", feedback="keep it"
    )

    assert bodies(events) == [
        resolved("rejected", "decision", by="bob", code="REJECTED"),
    ]
    error = {
        "code": "REJECTED",
        "message": "keep it",
        "details": {"by": "bob", "feedback": "keep it"},
    }
    assert settled(session).body == {"success": False, "error": error}
    assert session.slots == {CALL: "cancelled", f"{CALL}#a": "open"}
    assert session.turn.step == 2


def test_a_rejection_without_a_word_says_so_itself() -> None:
    session = with_call(EDIT)

    session.command("hitl_decision", call_id=CALL, decision="reject")

    error = {"code": "REJECTED", "message": "The person refused this call.", "details": {}}
    assert settled(session).body == {"success": False, "error": error}


def test_an_edit_is_worked_out_before_it_counts() -> None:
    session = with_call(EDIT)
    given = {"path": "b", "content": "y"}

    events = session.command(
        "hitl_decision", call_id=CALL, decision="edit", modified_arguments=given, by="bob"
    )

    assert events == []
    assert session.effects == [Compute(CALL, "edit", given)]
    assert session.turn.call(CALL) == replace(
        with_call(EDIT).turn.calls[0], answer=Answer("edit", given, "bob")
    )


def edited() -> Session:
    session = with_call(EDIT)
    session.command("ack", connection_id="x1", seq=99)
    session.command(
        "hitl_decision", call_id=CALL, decision="edit", modified_arguments={"path": "b"}, by="bob"
    )
    return session


def test_an_edited_call_runs_with_the_arguments_of_the_person() -> None:
    session = edited()

    events = session.work_out(CALL, Prepared({"path": "b"}, GUARD, digest="e"))

    changes = {"arguments": {"path": "b"}, "guard": GUARD, "digest": "e"}
    assert bodies(events) == [resolved("edited", "decision", by="bob", **changes)]
    assert session.journal[-1] == rec.Decided(
        call_id=CALL,
        decision="edited",
        by="bob",
        arguments={"path": "b"},
        guard=GUARD,
        digest="e",
        deadline_ms=session.now_ms + 60_000,
    )


def reopened(code: str, message: str, **details: Any) -> dict[str, Any]:
    return {
        "type": "error",
        "code": code,
        "message": message,
        "content": message,
        "retryable": True,
        "details": details,
        "call_id": CALL,
        "turn_id": "t1",
    }


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        pytest.param(
            ToolError(ToolCode.INVALID_PATH, "m", path=".."),
            reopened("INVALID_PATH", "m", path=".."),
            id="a-fault",
        ),
        pytest.param(
            NeedsRead("b", 1, 2),
            reopened("READ_FIRST", "The model has not read this file."),
            id="an-unknown-file",
        ),
    ],
)
def test_an_edit_that_cannot_be_used_leaves_the_question_open(
    outcome: Any, event: dict[str, Any]
) -> None:
    session = edited()

    events = session.work_out(CALL, outcome)

    assert bodies(events) == [event]
    assert session.slots == {CALL: "open", f"{CALL}#a": "open", f"{CALL}#a:d": ""}
    call = session.turn.call(CALL)
    assert call is not None
    assert call.awaits_decision
    assert call.answer is None


def test_an_edit_too_large_to_send_leaves_the_question_open() -> None:
    session = edited()
    text = "x" * MAX_FRAME_BYTES

    (event,) = session.work_out(CALL, Prepared({"path": "b", "content": text}, digest="e"))

    assert event["code"] == "TOO_LARGE"
    assert session.turn.calls[0].arguments == {"path": "a", "content": "x"}


def test_an_edit_of_a_call_that_was_not_delivered_starts_no_clock() -> None:
    session = with_call(EDIT)
    session.command("hitl_decision", call_id=CALL, decision="edit", modified_arguments={})

    session.work_out(CALL, Prepared({"path": "b"}, digest="e"))

    assert session.turn.calls[0].deadline_ms is None


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda: with_call(READ), id="asks-nobody"),
        pytest.param(Session, id="no-turn"),
        pytest.param(edited, id="is-being-edited"),
    ],
)
def test_a_decision_that_nobody_waits_for_changes_nothing(prepare: Any) -> None:
    session = prepare()
    before = session.journal[:]

    events = session.command("hitl_decision", call_id=CALL, decision="approve")

    assert events == []
    assert session.journal == before


def test_a_result_settles_the_call_and_the_model_is_asked_again() -> None:
    session = with_call(READ)

    events = session.result(CALL, result={"content": "x"})

    assert bodies(events) == [resolved("completed", by="ann")]
    assert settled(session).body == {"success": True, "content": "x"}
    assert session.turn.step == 2


def test_a_failed_result_says_its_code() -> None:
    session = with_call(READ)

    events = session.result(CALL, error={"code": "FILE_NOT_FOUND", "message": "m"})

    assert bodies(events) == [resolved("failed", by="ann", code="FILE_NOT_FOUND")]


def test_the_result_of_a_plain_client_is_its_decision() -> None:
    session = with_call(EDIT, "plain")

    events = session.result(CALL, result={"bytes_written": 1})

    assert bodies(events) == [
        resolved("approved", "decision", by="ann"),
        resolved("completed", by="ann"),
    ]


@pytest.mark.parametrize("late", [True, False])
def test_a_result_for_a_call_that_is_over_becomes_a_note(late: bool) -> None:  # noqa: FBT001
    session = with_call(READ)
    session.result(CALL, result={"content": "x"})

    events = session.result(CALL, late=late, result={"content": "y"})

    assert events == []
    assert session.journal[-1] == rec.LateResult(
        call_id=CALL, body={"success": True, "content": "y"}, at_ms=START_MS
    )


def test_a_result_without_a_turn_becomes_a_note() -> None:
    session = Session()

    session.result("c9-9-9", late=True, error="no")

    assert [record.rec for record in session.journal] == ["late_result"]


def test_a_late_result_parts_no_call_from_its_result() -> None:
    session = Session()
    session.say()
    session.answer("", READ, READ)
    session.work_out("c1-1-0")
    session.work_out("c1-1-1")
    session.result("c1-1-0", result={"content": "x"})

    session.result("c0-0-0", late=True, result={"content": "old"})
    session.result("c1-1-1", result={"content": "y"})

    assert [(m.role, m.call_id) for m in session.state.history[1:]] == [
        ("assistant", ""),
        ("tool", "c1-1-0"),
        ("tool", "c1-1-1"),
        ("note", "c0-0-0"),
    ]


def test_an_answer_that_was_not_offered_leaves_the_question_open() -> None:
    session = with_call(ASK)

    events = session.result(CALL, result={"action": "maybe"})

    assert kinds(events) == ["error"]
    assert session.slots == {CALL: "open", f"{CALL}:d": ""}
    assert session.journal[-1] == rec.Reopened(call_id=CALL)


def reviewing() -> Session:
    session = with_call(REVIEW)
    session.result(CALL, result={"action": "apply"})
    return session


def test_an_answered_review_is_worked_out_before_it_counts() -> None:
    session = reviewing()

    assert session.effects == [Compute(CALL, "review", {"action": "apply"})]
    assert session.journal[-1] == rec.Answered(
        call_id=CALL, kind="review", given={"action": "apply"}, by="ann"
    )


def test_an_answer_to_a_review_that_is_no_object_counts_as_empty() -> None:
    session = with_call(REVIEW)

    session.result(CALL, result="yes")

    assert session.effects == [Compute(CALL, "review", {})]


def test_a_worked_out_review_tells_the_model_what_was_picked() -> None:
    session = reviewing()

    events = session.work_out(CALL, Reviewed({"success": True, "action": "apply"}, "picked"))

    assert bodies(events) == [resolved("completed", by="ann")]
    assert settled(session).reviewed == "picked"
    assert session.turn.reviews == {CALL: "picked"}


def test_a_choice_that_cannot_stand_alone_is_asked_for_again() -> None:
    session = reviewing()
    fault = ToolError(ToolCode.PATCH_APPLY_FAILED, "m", reason="dependent")

    events = session.work_out(CALL, fault)

    assert bodies(events) == [reopened("PATCH_APPLY_FAILED", "m", reason="dependent")]
    assert session.slots == {CALL: "open", f"{CALL}:d": ""}


def test_a_review_of_files_that_changed_meanwhile_fails() -> None:
    session = reviewing()

    events = session.work_out(CALL, ToolError(ToolCode.READ_FIRST, "m", path="a"))

    assert bodies(events) == [resolved("failed", by="ann", code="READ_FIRST")]


def test_what_is_no_outcome_of_a_review_is_worked_out_again() -> None:
    session = reviewing()

    events = session.work_out(CALL, Prepared({}))

    assert events == []
    assert session.effects == [Compute(CALL, "review", {"action": "apply"})]


def test_a_failed_review_is_its_outcome() -> None:
    session = with_call(REVIEW)

    events = session.result(CALL, error="closed")

    assert bodies(events) == [resolved("failed", by="ann", code="TOOL_FAILED")]


def test_a_result_that_did_not_wait_for_its_edit_wins() -> None:
    session = Session()
    session.attach("plain")
    session.say()
    session.answer("", EDIT, READ)
    session.work_out(CALL)
    session.command("hitl_decision", call_id=CALL, decision="edit", modified_arguments={})

    events = session.result(CALL, result={"bytes_written": 1})
    late = session.work_out(CALL, Prepared({"path": "b"}, digest="e"))

    assert bodies(events) == [
        resolved("approved", "decision", by="ann"),
        resolved("completed", by="ann"),
    ]
    assert late == []
    assert session.turn.calls[0].arguments == {"path": "a", "content": "x"}
