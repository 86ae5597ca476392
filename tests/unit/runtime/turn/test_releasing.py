"""Planned calls become open ones."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_core.approval_rules import ApprovalRule
from codelab_core.protocol.frames import MAX_FRAME_BYTES
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.preparing import NeedsRead, Prepared, Reviewed, Split, digest_of
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.facts import Compute, Rules
from codelab_runtime.turn.releasing import MAX_BAD_ARGUMENTS, MAX_OWN_READS, offered
from codelab_runtime.turn.state import Turn
from fakes.turns import SIX, Session, bodies, kinds

READ = ("read_file", {"path": "a"})
EDIT_A = ("write_file", {"path": "a", "content": "x"})
EDIT_B = ("write_file", {"path": "b", "content": "x"})
PATCH = ("apply_patch", {"diff": "--- a/a\n+++ b/a\n"})
GUARD = {"files": [{"path": "b", "old_path": "a", "op": "rename", "pre_sha": "1"}]}


def asking(*calls: tuple[str, Any], mode: str | None = "v1", **rules: Any) -> Session:
    session = Session(Rules(plain_tools=SIX, **rules))
    if mode:
        session.attach(mode)
    session.say()
    session.answer("", *calls)
    return session


def opened(session: Session) -> list[tuple[str, bool]]:
    calls = [event for event in session.log if event["type"] == "tool_call"]
    return [(event["call_id"], event["requires_approval"]) for event in calls]


def test_the_tools_of_a_step_are_those_that_the_model_was_given() -> None:
    turn = Turn(1, "u1", "hi", "m", 1)

    assert list(offered(turn, ("git.diff",))) == ["git.diff"]
    assert list(offered(replace(turn, asked_tools=("read_file",)), ("git.diff",))) == ["read_file"]
    assert list(offered(replace(turn, asked_tools=()), ("git.diff",))) == []


def test_calls_that_do_not_conflict_are_worked_out_together() -> None:
    session = asking(READ, EDIT_A, EDIT_B)

    assert session.effects == [Compute("c1-1-0", "prepare"), Compute("c1-1-2", "prepare")]
    assert session.turn.computing == {"c1-1-0", "c1-1-2"}


def test_a_call_is_worked_out_once() -> None:
    session = asking(READ, READ)

    session.work_out("c1-1-0")

    assert session.effects == []


def test_a_ready_call_goes_to_the_log_and_the_journal_and_gets_its_slot() -> None:
    session = asking(READ)

    events = session.work_out("c1-1-0")

    assert bodies(events) == [
        {
            "type": "tool_call",
            "turn_id": "t1",
            "message_id": "m1-1-0",
            "call_id": "c1-1-0",
            "tool_name": "read_file",
            "arguments": {"path": "a"},
            "requires_approval": False,
            "digest": "d",
            "origin": "model",
            "timeout_ms": 60_000,
        }
    ]
    assert session.journal[-1] == rec.ToolReleased(
        call_id="c1-1-0",
        tool="read_file",
        arguments={"path": "a"},
        digest="d",
        requires_approval=False,
        seq=events[0]["seq"],
    )
    assert session.slots == {"c1-1-0": "open"}


def test_a_write_asks_first_and_says_what_it_changes() -> None:
    session = asking(PATCH)

    (event,) = session.work_out("c1-1-0", Prepared({"diff": "x"}, GUARD, {"hunks": []}, "d"))

    assert event["requires_approval"] is True
    assert event["reason"] == "apply_patch changes a, b"
    assert (event["guard"], event["review"]) == (GUARD, {"hunks": []})
    assert session.slots == {"c1-1-0": "open", "c1-1-0#a": "open"}


def test_a_call_without_paths_asks_for_consent() -> None:
    session = asking(EDIT_A)

    (event,) = session.work_out("c1-1-0")

    assert event["reason"] == "write_file needs your consent"


def test_a_patch_that_was_just_reviewed_needs_no_second_question() -> None:
    session = asking(PATCH)
    session.state = replace(session.state, turn=replace(session.turn, reviews={"c1-0-0": "good"}))

    (event,) = session.work_out("c1-1-0", Prepared({"diff": "good"}, GUARD, digest="d"))

    assert event["requires_approval"] is False
    assert session.turn.reviews == {}


@pytest.mark.parametrize(
    ("decision", "expected"),
    [pytest.param("auto", False, id="auto"), pytest.param("ask", True, id="ask")],
)
def test_a_rule_of_the_owner_comes_first(decision: Any, expected: bool) -> None:  # noqa: FBT001
    rule = ApprovalRule(tool="*", path="a", decision=decision)
    session = asking(READ, approvals=(rule,))

    (event,) = session.work_out("c1-1-0")

    assert event["requires_approval"] is expected


def test_a_forbidden_call_is_never_shown() -> None:
    rule = ApprovalRule(tool="write_file", decision="deny")
    session = asking(EDIT_A, approvals=(rule,))

    events = session.work_out("c1-1-0")

    assert events == []
    settled = session.journal[-2]
    assert isinstance(settled, rec.ToolSettled)
    assert settled.code == "POLICY_DENIED"
    assert session.turn.step == 2


@pytest.mark.parametrize("mode", ["plain", None])
def test_where_one_question_fits_the_next_one_waits(mode: str | None) -> None:
    session = asking(EDIT_A, EDIT_B, READ, mode=mode)
    for name in ("c1-1-1", "c1-1-0"):
        session.work_out(name)

    assert opened(session) == [("c1-1-1", True)]
    assert list(session.turn.waiting) == ["c1-1-0"]

    session.command("hitl_decision", call_id="c1-1-1", decision="approve")

    assert opened(session) == [("c1-1-1", True), ("c1-1-0", True)]
    assert session.turn.waiting == {}


def test_a_v1_driver_gets_all_questions_at_once() -> None:
    session = asking(EDIT_A, EDIT_B)

    session.work_out("c1-1-0")
    session.work_out("c1-1-1")

    assert opened(session) == [("c1-1-0", True), ("c1-1-1", True)]


def test_questions_that_wait_are_opened_for_a_new_driver_that_can_show_them() -> None:
    session = asking(EDIT_A, EDIT_B, ("write_file", {"path": "c", "content": ""}), mode="plain")
    for name in ("c1-1-0", "c1-1-1", "c1-1-2"):
        session.work_out(name)

    session.attach("v1", "x2")

    assert opened(session) == [("c1-1-0", True), ("c1-1-1", True), ("c1-1-2", True)]


def test_a_declared_tool_keeps_its_time() -> None:
    tool = {"name": "run", "parameters": {"type": "object"}, "kind": "read", "timeout_ms": 9000}
    session = Session()
    session.attach(tools=[tool])
    session.say()
    session.answer("", ("run", {}))

    (event,) = session.work_out("c1-1-0")

    assert event["timeout_ms"] == 9000
    assert session.turn.calls[0].timeout_ms == 9000


def test_a_driver_that_leaves_takes_no_tool_out_of_a_running_step() -> None:
    tool = {"name": "run", "parameters": {"type": "object"}, "kind": "read"}
    session = Session()
    session.attach(tools=[tool])
    session.say()
    session.answer("", ("run", {}))
    session.command("detach", connection_id="x1")

    events = session.work_out("c1-1-0")

    assert kinds(events) == ["tool_call"]


def test_a_limit_of_zero_is_not_shown() -> None:
    session = asking(READ, file_tool_timeout_ms=0)

    (event,) = session.work_out("c1-1-0")

    assert "timeout_ms" not in event


def test_a_call_too_large_to_send_goes_back_to_the_model() -> None:
    session = asking(EDIT_A)

    events = session.work_out("c1-1-0", Prepared({"content": "x" * MAX_FRAME_BYTES}, digest="d"))

    assert events == []
    settled = session.journal[-2]
    assert isinstance(settled, rec.ToolSettled)
    assert settled.code == "TOO_LARGE"


def test_a_waiting_call_too_large_to_send_does_not_hold_up_the_turn() -> None:
    session = asking(EDIT_A, EDIT_B, mode="plain")
    session.work_out("c1-1-0")
    session.work_out("c1-1-1", Prepared({"content": "x" * MAX_FRAME_BYTES}, digest="d"))

    session.result("c1-1-0", result={})

    assert session.turn.step == 2


def test_an_unusable_call_goes_back_to_the_model_without_an_event() -> None:
    session = asking(READ)

    events = session.work_out("c1-1-0", ToolError(ToolCode.TOOL_NOT_FOUND, "m"))

    assert events == []
    assert session.turn.step == 2


def test_three_unusable_calls_in_a_row_end_the_turn() -> None:
    session = asking(READ)
    fault = ToolError(ToolCode.INVALID_ARGUMENTS, "m", errors=[])
    for step in range(1, MAX_BAD_ARGUMENTS):
        session.work_out(f"c1-{step}-0", fault)
        session.answer("", READ)

    events = session.work_out(f"c1-{MAX_BAD_ARGUMENTS}-0", fault)

    assert kinds(events) == ["error", "assistant_message", "turn_completed"]
    assert (events[0]["code"], events[0]["class"]) == ("MODEL_OUTPUT_INVALID", "arguments")


def test_a_good_call_in_between_begins_the_count_anew() -> None:
    session = asking(READ)
    fault = ToolError(ToolCode.INVALID_ARGUMENTS, "m", errors=[])
    for step in range(1, 6):
        session.work_out(f"c1-{step}-0", fault if step % 3 else None)
        if step % 3 == 0:
            session.result(f"c1-{step}-0", result={})
        session.answer("", READ)

    assert session.turn.step == 6


def test_lines_that_a_patch_needs_are_read_by_the_runtime_first() -> None:
    session = asking(PATCH, ("apply_patch", {"diff": "--- a/c\n+++ b/c\n"}))

    events = session.work_out("c1-1-0", NeedsRead("a", 5, 9))
    other = session.work_out("c1-1-1", ToolError(ToolCode.READ_FIRST, "m"))

    arguments = {"path": "a", "start_line": 5, "end_line": 9}
    assert bodies(events) == [
        {
            "type": "tool_call",
            "turn_id": "t1",
            "message_id": "m1-1-0",
            "call_id": "c1-1-r0",
            "tool_name": "read_file",
            "arguments": arguments,
            "requires_approval": False,
            "digest": digest_of("read_file", arguments, None),
            "origin": "runtime",
            "timeout_ms": 60_000,
        }
    ]
    assert other == []
    assert session.effects == []  # the patch waits for the read

    session.result("c1-1-r0", result={"content": "x"})

    assert session.effects == [Compute("c1-1-0", "prepare")]


def test_the_runtime_gives_up_after_many_reads() -> None:
    session = asking(PATCH)
    for number in range(MAX_OWN_READS):
        session.work_out("c1-1-0", NeedsRead("a", number + 1, number + 1))
        session.result(f"c1-1-r{number}", result={"content": "x"})

    events = session.work_out("c1-1-0", NeedsRead("a", 99, 99))

    assert events == []
    assert session.state.history[-1].body == {
        "success": False,
        "error": {
            "code": "READ_FIRST",
            "message": "Read a first.",
            "details": {"path": "a", "failures": 0},
        },
    }


def test_what_is_no_outcome_of_a_preparation_is_asked_for_again() -> None:

    session = asking(READ)

    session.work_out("c1-1-0", Reviewed({}, None))

    assert session.effects == [Compute("c1-1-0", "prepare")]


def test_an_answer_that_a_successor_finds_is_worked_out_by_it() -> None:
    session = asking(EDIT_A)
    session.work_out("c1-1-0")
    given = {"path": "b", "content": "y"}
    session.command("hitl_decision", call_id="c1-1-0", decision="edit", modified_arguments=given)

    heir = session.taken_over()
    heir.resume()

    assert heir.effects == [Compute("c1-1-0", "edit", given)]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("read_file", {"path": "src/auth.js"}), ("apply_patch", {"diff": "diff --git a/a b/a"})],
)
def test_a_call_has_the_same_names_on_the_wire_whatever_the_model_calls_them(
    tool: str, arguments: dict[str, Any]
) -> None:
    """W-09, X-02: `tool_name` and `arguments`, always; `tool` and `args` nowhere."""
    session = asking((tool, arguments))

    (event,) = session.work_out("c1-1-0")

    assert (event["tool_name"], event["arguments"]) == (tool, arguments)
    assert not {"tool", "args", "name"} & set(event)


SPLIT = Split("d", GUARD, {"hunks": []}, {"a": "x", "b": "y"})


def test_a_patch_to_be_written_file_by_file_is_planned_as_writes() -> None:
    session = asking(PATCH)

    events = session.work_out("c1-1-0", SPLIT)

    assert events == []
    assert [c.call_id for c in session.turn.calls] == ["c1-1-0-f0", "c1-1-0-f1", "c1-1-0"]
    assert session.effects == [Compute("c1-1-0-f0", "prepare")]


@pytest.mark.parametrize(
    ("decision", "asks"),
    [pytest.param("ask", [True], id="ask"), pytest.param("deny", [], id="deny")],
)
def test_what_the_owner_says_of_patches_holds_for_their_writes(
    decision: Any, asks: list[bool]
) -> None:
    free = ApprovalRule(tool="write_file", decision="auto")
    session = asking(PATCH, approvals=(ApprovalRule(tool="apply_patch", decision=decision), free))

    session.work_out("c1-1-0", SPLIT)
    if session.turn.computing:
        session.work_out("c1-1-0-f0", Prepared({"path": "a", "content": "x"}, GUARD, digest="d"))

    assert [requires for _, requires in opened(session)] == asks
    assert session.turn.step == (1 if asks else 2)
