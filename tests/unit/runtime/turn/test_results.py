"""A client's answer, as the model is told it."""

from typing import Any

import pytest

from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.turn.results import answer_fault, failure_body, result_body
from codelab_runtime.turn.state import Call

READ = Call("c1-1-0", "read_file", {"path": "a"})
HUNK = {"hunk_id": "h1", "path": "a", "new_start": 3, "new_lines": 2, "old_start": 1}
PATCH = Call("c1-1-1", "apply_patch", {"diff": "…"}, review={"hunks": [HUNK]})


def failed(code: str = "TOOL_FAILED", message: str = "no", **details: Any) -> dict[str, Any]:
    error = {"code": code, "message": message, "details": details}
    return {"success": False, "error": error}


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        pytest.param(
            {"result": {"content": "x"}}, {"success": True, "content": "x"}, None, id="ok"
        ),
        pytest.param({}, {"success": True}, None, id="no-data"),
        pytest.param({"result": None}, {"success": True}, None, id="null"),
        pytest.param({"result": [1]}, {"success": True, "result": [1]}, None, id="no-object"),
        pytest.param({"error": "no"}, failed(), "TOOL_FAILED", id="text-as-error"),
        pytest.param(
            {"error": "no", "result": {"content": "x"}}, failed(), "TOOL_FAILED", id="error-wins"
        ),
        pytest.param(
            {"error": {"code": "FILE_NOT_FOUND", "message": "m", "details": {"path": "a"}}},
            failed("FILE_NOT_FOUND", "m", path="a"),
            "FILE_NOT_FOUND",
            id="error-object",
        ),
        pytest.param(
            {"error": {"code": "X", "details": "none"}}, failed("X", ""), "X", id="bare-error"
        ),
        pytest.param(
            {"error": {"message": "m"}},
            failed(message="{'message': 'm'}"),
            "TOOL_FAILED",
            id="error-without-code",
        ),
        pytest.param(
            {"result": {"success": False, "error": "no"}},
            failed(),
            "TOOL_FAILED",
            id="success-false",
        ),
        pytest.param(
            {"result": {"success": False}},
            failed(message="The tool failed."),
            "TOOL_FAILED",
            id="success-false-without-a-word",
        ),
    ],
)
def test_a_result_becomes_json_with_success(
    command: dict[str, Any], body: dict[str, Any], code: str | None
) -> None:
    assert result_body(READ, command) == (body, code)
    assert result_body(None, command) == (body, code)


def test_an_applied_patch_says_which_hunks_are_in_the_files_now() -> None:
    body, _ = result_body(PATCH, {"result": {"files_modified": ["a"]}})

    hunk = {"hunk_id": "h1", "path": "a", "new_start": 3, "new_lines": 2}
    assert body == {"success": True, "files_modified": ["a"], "applied": [hunk]}


def test_a_patch_that_a_person_edited_says_so() -> None:
    edited = Call("c1-1-1", "apply_patch", {}, review={"hunks": []}, edited=True)

    body, _ = result_body(edited, {})

    assert body == {"success": True, "applied": [], "edited": {}}


def test_a_failed_patch_claims_no_hunks() -> None:
    body, _ = result_body(PATCH, {"error": "no"})

    assert body == failed()


def test_a_very_long_error_is_cut() -> None:
    body, _ = result_body(None, {"error": "x" * 9000})

    assert body == failed(message="x" * 4000)


def test_a_failure_of_ours_has_the_same_shape() -> None:
    assert failure_body(ToolError(ToolCode.INVALID_PATH, "m", path="..")) == failed(
        "INVALID_PATH", "m", path=".."
    )


QUESTION = Call("c1-1-2", "prompt_user", {"message": "?", "actions": ["yes", "no"]})
FREE = Call("c1-1-2", "prompt_user", {"message": "?", "actions": ["yes"], "allow_text": True})


@pytest.mark.parametrize(
    ("call", "command"),
    [
        pytest.param(QUESTION, {"result": {"action": "yes"}}, id="offered"),
        pytest.param(FREE, {"result": {"action": "text", "text": "maybe"}}, id="free-text"),
        pytest.param(QUESTION, {"error": "closed"}, id="a-failure-is-an-answer"),
        pytest.param(READ, {"result": {"action": "whatever"}}, id="no-question"),
    ],
)
def test_a_usable_answer_has_no_fault(call: Call, command: dict[str, Any]) -> None:
    assert answer_fault(call, command) is None


@pytest.mark.parametrize(
    ("call", "command"),
    [
        pytest.param(QUESTION, {"result": {"action": "maybe"}}, id="not-offered"),
        pytest.param(QUESTION, {"result": {"action": "text"}}, id="no-free-text"),
        pytest.param(QUESTION, {"result": {"action": ["yes"]}}, id="no-text"),
        pytest.param(QUESTION, {"result": "yes"}, id="no-object"),
        pytest.param(QUESTION, {}, id="nothing"),
    ],
)
def test_an_answer_that_was_not_offered_is_none(call: Call, command: dict[str, Any]) -> None:
    fault = answer_fault(call, command)

    assert fault is not None
    assert fault.to_wire() == {
        "code": "INVALID_ARGUMENTS",
        "message": "The action must be one of: yes, no.",
        "details": {"errors": [{"loc": "action", "msg": "not offered"}]},
    }
