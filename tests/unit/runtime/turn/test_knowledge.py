"""What outcomes teach the session about files, patches and failures."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_core.patch.apply import applied_hunks
from codelab_core.patch.build import prepare
from codelab_core.patch.canonical import patch_key
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.patch.text import sha256_of
from codelab_runtime.files import KnownFile, learn_read
from codelab_runtime.turn.knowledge import (
    MAX_KNOWN_DIFFS,
    after_call,
    after_release,
    without_review,
)
from codelab_runtime.turn.records import ToolReleased, ToolSettled
from codelab_runtime.turn.state import Call, SessionState, Turn

OLD, NEW = b"one\ntwo\nthree\n", b"one\n2\nthree\n"
KNOWN = KnownFile(sha256_of(OLD), OLD)
TURN = Turn(1, "u1", "hi", "m", 1, step=1)
STATE = SessionState("s1", turn=TURN, files={"a": KNOWN, "z": KNOWN})


def patch() -> PreparedPatch:
    diff = "--- a/a\n+++ b/a\n@@\n one\n-two\n+2\n three\n"
    return prepare(parse_patch(diff), {"a": Base(OLD)})


def guard() -> dict[str, Any]:
    return {"files": [change.guard() for change in patch().files]}


def call(tool: str, arguments: dict[str, Any], **fields: Any) -> Call:
    return Call("c1-1-0", tool, arguments, phase="open", **fields)


def settled(outcome: Any = "completed", **fields: Any) -> ToolSettled:
    body = fields.pop("body", {"success": outcome == "completed"})
    return ToolSettled(call_id="c1-1-0", outcome=outcome, body=body, at_ms=1, **fields)


def failure(code: str, details: Any) -> ToolSettled:
    error = {"code": code, "message": "m", "details": details}
    return settled("failed", code=code, body={"success": False, "error": error})


def released(tool: str, arguments: dict[str, Any], the_guard: Any) -> ToolReleased:
    return ToolReleased(
        call_id="c1-1-0",
        tool=tool,
        arguments=arguments,
        digest="d",
        requires_approval=False,
        seq=1,
        guard=the_guard,
    )


def test_a_read_teaches_the_content_and_forgives_failures() -> None:
    body = {"success": True, "content": "new\n", "start_line": 1, "end_line": 1, "total_lines": 1}
    before = replace(STATE, turn=replace(TURN, patch_failures={"a": 3, "b": 1}))

    after = after_call(before, call("read_file", {"path": "a"}), settled(body=body))

    assert after == replace(
        STATE,
        files=learn_read(STATE.files, "a", body),
        turn=replace(TURN, patch_failures={"a": 3, "b": 1}, forgiven={"a": 3}),
    )


def test_a_read_without_a_turn_still_teaches_the_content() -> None:
    body = {"success": True, "content": "new\n"}
    before = replace(STATE, turn=None)

    after = after_call(before, call("read_file", {"path": "a"}), settled(body=body))

    assert after.files["a"].content == b"new\n"


def test_a_written_file_has_exactly_what_was_written() -> None:
    arguments = {"path": "b", "content": "\ufeffx\r\n"}

    after = after_call(STATE, call("write_file", arguments), settled())

    content = "\ufeffx\r\n".encode()
    assert after.files == {**STATE.files, "b": KnownFile(sha256_of(content), content)}


def test_an_applied_patch_leaves_the_bytes_that_were_computed_for_it() -> None:
    made = call("apply_patch", {"diff": patch().diff}, guard=guard())

    after = after_call(STATE, made, settled())

    assert after == replace(
        STATE,
        files={**STATE.files, "a": KnownFile(sha256_of(NEW), NEW)},
        applied=applied_hunks(patch().diff, "c1-1-0"),
    )


def test_a_patch_of_files_that_we_lost_sight_of_makes_them_unknown() -> None:
    made = call("apply_patch", {"diff": patch().diff}, guard=guard())
    moved = replace(STATE, files={**STATE.files, "a": KnownFile("other", b"other\n")})

    after = after_call(moved, made, settled())

    assert after == replace(moved, files={"z": KNOWN})


def test_a_renamed_file_is_known_by_its_new_name_only() -> None:
    diff = "diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n"
    made = prepare(parse_patch(diff), {"a": Base(OLD)})
    the_guard = {"files": [change.guard() for change in made.files]}

    after = after_call(STATE, call("apply_patch", {"diff": made.diff}, guard=the_guard), settled())

    assert after.files["b"].content == OLD
    assert after.files["a"].sha == "absent"


def test_a_patch_without_guard_teaches_nothing_about_files() -> None:
    after = after_call(STATE, call("apply_patch", {}), settled())

    assert after.files == STATE.files


@pytest.mark.parametrize("tool", ["git.diff", "prompt_user", "declared"])
def test_other_tools_teach_nothing(tool: str) -> None:
    assert after_call(STATE, call(tool, {"path": "a"}), settled()) == STATE


def test_a_read_of_the_runtime_itself_forgives_nothing() -> None:
    before = replace(STATE, turn=replace(TURN, patch_failures={"a": 3}))
    body = {"success": True, "content": "new\n"}

    after = after_call(
        before, call("read_file", {"path": "a"}, origin="runtime"), settled(body=body)
    )

    assert after.turn == before.turn
    assert after.files == learn_read(STATE.files, "a", body)


def test_a_patch_that_was_made_already_teaches_nothing_new() -> None:
    done = replace(STATE, files={"a": KnownFile(sha256_of(NEW), NEW)})

    after = after_call(done, call("apply_patch", {"diff": patch().diff}, guard=guard()), settled())

    assert after == done


def test_a_review_is_good_for_one_patch_and_its_diff_is_known() -> None:
    made = call("apply_patch_review", {"diff": "asked"}, guard=guard())

    after = after_call(STATE, made, settled(reviewed="picked\n"))

    assert after == replace(
        STATE,
        turn=replace(TURN, reviews={"c1-1-0": "picked\n"}),
        known_diffs={patch_key("picked"): [{"path": "a", "op": "modify", "pre_sha": KNOWN.sha}]},
    )


def test_a_review_without_guard_is_made_for_no_file() -> None:
    after = after_call(STATE, call("apply_patch_review", {}), settled(reviewed="picked"))

    assert after.known_diffs == {patch_key("picked"): []}


def test_a_review_outside_a_turn_is_good_for_nothing() -> None:
    before = replace(STATE, turn=None)

    assert after_call(before, call("apply_patch_review", {}), settled(reviewed="x")) == before


def test_a_conflict_makes_a_file_stale() -> None:
    after = after_call(STATE, call("apply_patch", {}), failure("CONFLICT", {"path": "a"}))

    assert after == replace(STATE, files={**STATE.files, "a": replace(KNOWN, stale=True)})


def test_misplaced_patches_are_counted_by_file() -> None:
    state = STATE
    for _ in range(2):
        record = failure("PATCH_APPLY_FAILED", {"path": "a"})
        state = after_call(state, call("apply_patch", {}), record)

    assert state == replace(STATE, turn=replace(TURN, patch_failures={"a": 2}))


def test_a_file_that_the_runtime_cannot_read_is_not_known_any_more() -> None:
    own = call("read_file", {"path": "a"}, origin="runtime")

    after = after_call(STATE, own, failure("FILE_NOT_FOUND", {"path": "a"}))

    assert after == replace(STATE, files={"z": KNOWN})


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(failure("IO_ERROR", {"path": "a"}), id="another-code"),
        pytest.param(failure("CONFLICT", {}), id="no-path"),
        pytest.param(failure("CONFLICT", {"path": 7}), id="no-text"),
        pytest.param(failure("CONFLICT", None), id="no-details"),
        pytest.param(settled("cancelled", code="CONFLICT"), id="no-error"),
        pytest.param(failure("CONFLICT", {"path": "unknown"}), id="unknown-file"),
    ],
)
def test_other_failures_teach_nothing(record: ToolSettled) -> None:
    assert after_call(STATE, call("apply_patch", {}), record) == STATE


def test_a_failure_outside_a_turn_teaches_nothing() -> None:
    before = replace(STATE, turn=None)

    assert after_call(before, call("apply_patch", {}), failure("CONFLICT", {"path": "a"})) == before


def test_a_released_patch_uses_up_its_review() -> None:
    before = replace(STATE, turn=replace(TURN, reviews={"r1": "good", "r2": "other"}))

    after = after_release(before, released("apply_patch", {"diff": "good"}, guard()))

    assert after == replace(
        STATE,
        turn=replace(TURN, reviews={"r2": "other"}),
        known_diffs={patch_key("good"): guard()["files"]},
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "the_guard"),
    [
        pytest.param("write_file", {"path": "a"}, {"files": []}, id="no-diff"),
        pytest.param("apply_patch", {"diff": "x"}, None, id="no-guard"),
    ],
)
def test_a_release_without_a_diff_of_ours_teaches_nothing(
    tool: str, arguments: dict[str, Any], the_guard: Any
) -> None:
    assert after_release(STATE, released(tool, arguments, the_guard)) == STATE


@pytest.mark.parametrize(
    ("state", "tool"),
    [
        pytest.param(replace(STATE, turn=None), "apply_patch", id="no-turn"),
        pytest.param(STATE, "apply_patch_review", id="a-review"),
    ],
)
def test_other_releases_of_a_diff_make_it_known_only(state: SessionState, tool: str) -> None:
    after = after_release(state, released(tool, {"diff": "x\n\n"}, guard()))

    assert after == replace(state, known_diffs={patch_key("x"): guard()["files"]})


def test_the_oldest_known_diffs_are_forgotten() -> None:
    state = STATE
    for number in range(MAX_KNOWN_DIFFS + 5):
        state = after_release(state, released("apply_patch", {"diff": f"d{number}"}, guard()))

    assert list(state.known_diffs) == [patch_key(f"d{n}") for n in range(5, MAX_KNOWN_DIFFS + 5)]


@pytest.mark.parametrize("written", [True, False])
def test_hunks_of_a_split_patch_are_made_where_the_file_was_written(*, written: bool) -> None:
    diff = patch().diff
    known = {"a": KnownFile(sha256_of(NEW), NEW)} if written else {"a": KNOWN}
    split = replace(call("apply_patch", {"diff": diff}, guard=guard()), phase="split")

    after = after_call(replace(STATE, files=known), split, settled())

    made = tuple(applied_hunks(diff, "c1-1-0")) if written else ()
    assert after == replace(STATE, files=known, applied=made)


def test_a_split_patch_without_guard_made_nothing() -> None:
    split = replace(call("apply_patch", {"diff": patch().diff}), phase="split")

    assert after_call(STATE, split, settled()) == STATE


def test_a_review_is_used_up_by_its_diff_alone() -> None:
    state = replace(STATE, turn=replace(TURN, reviews={"r": "d", "s": "e"}))

    assert without_review(state, "d") == replace(STATE, turn=replace(TURN, reviews={"s": "e"}))
    assert without_review(replace(STATE, turn=None), "d") == replace(STATE, turn=None)
