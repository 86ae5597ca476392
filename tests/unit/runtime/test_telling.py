"""One message of the history as the LLM proxy takes it."""

from typing import Any

import orjson
import pytest

from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.telling import size_of, told
from codelab_runtime.turn.records import AskedTool
from codelab_runtime.turn.results import failure_body, result_body
from codelab_runtime.turn.state import Call, Message
from fakes.histories import note, person, step

BODY = {"success": True, "content": "a\r\nb\n"}
SHOWN = '{"success":true,"content":"a\\nb\\n"}'


def test_each_role_has_its_form() -> None:
    answer, result = step(BODY, text="Reading.")

    assert told(person("hello"), 256) == {"role": "user", "content": "hello"}
    assert told(answer, 256) == {
        "role": "assistant",
        "content": "Reading.",
        "tool_calls": [{"call_id": "c1-1-0", "name": "read_file", "arguments": {"path": "a"}}],
    }
    assert told(result, 256) == {"role": "tool", "call_id": "c1-1-0", "content": SHOWN}


def test_a_late_result_is_told_in_the_persons_role() -> None:
    text = f"[The result of c1-1-0 came after its time was over: {SHOWN}]"

    assert told(note("c1-1-0", BODY), 256) == {"role": "user", "content": text}


def test_an_outcome_without_body_is_an_empty_object() -> None:
    assert told(Message("tool", 1, 0, "", call_id="c"), 256)["content"] == "{}"
    assert told(Message("note", 1, 0, "", call_id="c"), 256)["content"].endswith(": {}]")


def test_the_state_of_the_provider_goes_back_unchanged() -> None:
    message = Message("assistant", 1, 0, "m", "yes", provider_state="opaque")

    assert told(message, 256) == {
        "role": "assistant",
        "content": "yes",
        "provider_state": "opaque",
    }


def test_arguments_are_shortened_only_where_it_is_asked_for() -> None:
    arguments = {"path": "a", "content": "x" * 2_000}
    call = AskedTool(call_id="c", tool="write_file", arguments=arguments)
    message = Message("assistant", 1, 0, "m", calls=(call,))

    (whole,), (cut,) = told(message, 256)["tool_calls"], told(message, 256, 256)["tool_calls"]

    assert whole["arguments"] == arguments
    assert cut["arguments"]["path"] == "a"
    assert "[… shortened: 2000 bytes in all …]" in cut["arguments"]["content"]
    assert len(cut["arguments"]["content"]) < 300


def test_the_size_is_that_of_the_json_and_a_comma() -> None:
    assert size_of({"a": "ё"}) == len('{"a":"ё"},'.encode())


PATCHED = Call(
    "c",
    "apply_patch",
    {"diff": "d"},
    review={"hunks": [{"hunk_id": "h", "path": "a", "new_start": 1, "new_lines": 2}]},
)
GOLDEN = [
    pytest.param(
        Call("c", "read_file", {"path": "a"}),
        {"success": True, "content": "x\r\n", "truncated": True, "size": 9},
        '{"success":true,"content":"x\\n","truncated":true,"size":9}',
        id="read_file",
    ),
    pytest.param(
        Call("c", "write_file", {"path": "a", "content": "x"}),
        {"success": True, "bytes_written": 1, "created": True},
        '{"success":true,"bytes_written":1,"created":true}',
        id="write_file",
    ),
    pytest.param(
        Call("c", "git.diff", {}),
        {"success": True, "diff": "-a\r\n+b\r\n", "truncated": False},
        '{"success":true,"diff":"-a\\n+b\\n","truncated":false}',
        id="git.diff",
    ),
    pytest.param(
        PATCHED,
        {"success": True, "files_modified": ["a"]},
        '{"success":true,"files_modified":["a"],'
        '"applied":[{"hunk_id":"h","path":"a","new_start":1,"new_lines":2}]}',
        id="apply_patch",
    ),
    pytest.param(
        Call("c", "apply_patch_review", {"diff": "d"}),
        {"success": True, "action": "apply", "filtered_diff": "-a\r\n"},
        '{"success":true,"action":"apply","filtered_diff":"-a\\r\\n"}',
        id="apply_patch_review",
    ),
    pytest.param(
        Call("c", "prompt_user", {"message": "?", "actions": ["Yes"]}),
        {"action": "Yes"},
        '{"success":true,"action":"Yes"}',
        id="prompt_user",
    ),
]


def content(body: dict[str, Any], limit: int = 65_536) -> Any:
    return told(Message("tool", 1, 0, "", call_id="c", body=body), limit)["content"]


@pytest.mark.parametrize(("call", "result", "expected"), GOLDEN)
def test_each_tool_s_outcome_is_told_as_this_json(
    call: Call, result: dict[str, Any], expected: str
) -> None:
    """R-14: success, failure and refusal."""
    error = {"code": "IO_ERROR", "message": "no", "details": {"path": "a"}}
    refusal = ToolError(ToolCode.REJECTED, "Not now.", by="ann")

    assert content(result_body(call, {"result": result})[0]) == expected
    assert content(result_body(call, {"error": error})[0]) == (
        '{"success":false,"error":{"code":"IO_ERROR","message":"no","details":{"path":"a"}}}'
    )
    assert content(failure_body(refusal)) == (
        '{"success":false,"error":{"code":"REJECTED","message":"Not now.","details":{"by":"ann"}}}'
    )


@pytest.mark.parametrize("field", ["content", "diff"])
def test_a_long_outcome_is_told_with_its_true_size(field: str) -> None:
    """R-14: truncation."""
    text = content({"success": True, field: "line\n" * 2_000}, 600)

    assert len(text) <= 600
    assert "[… shortened: 10000 bytes in all …]" in orjson.loads(text)[field]
