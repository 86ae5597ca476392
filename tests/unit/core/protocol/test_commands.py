from typing import Any

import pytest
from pydantic import ValidationError

from codelab_core.protocol.commands import CLIENT_FRAME, CLIENT_FRAME_TYPES

GOOD: list[dict[str, Any]] = [
    {"type": "user_message", "content": "Add logging to auth.js"},
    {
        "type": "user_message",
        "content": "x",
        "role": "user",
        "message_id": "u-7",
        "cid": "k-12",
        "delivery": "steer",
        "model": "default",
    },
    {"type": "tool_result", "call_id": "c7-1-0"},
    {"type": "tool_result", "call_id": "c7-1-0", "result": {"a": None}, "tool_name": "x"},
    {"type": "tool_result", "call_id": "c7-1-0", "error": "it broke"},
    {"type": "tool_result", "call_id": "c", "error": {"code": "X", "details": {"path": None}}},
    {"type": "tool_result", "call_id": "c", "part": {"index": 0, "last": False}, "chunk": "{"},
    {"type": "hitl_decision", "call_id": "c", "decision": "approve"},
    {"type": "hitl_decision", "call_id": "c", "decision": "edit", "modified_arguments": {}},
    {"type": "hitl_decision", "call_id": "c", "decision": "reject", "feedback": "no", "cid": "k"},
    {"type": "cancel"},
    {"type": "cancel", "turn_id": "t7", "message_id": "u-7", "cid": "k-16"},
    {"type": "ack", "seq": 46},
    {"type": "auth", "token": "t", "cid": "k"},
    {"type": "ping", "t": 1},
]


@pytest.mark.parametrize("frame", GOOD)
def test_a_frame_of_a_client_is_read_whole(frame: dict[str, Any]) -> None:
    """W-01, W-05."""
    parsed = CLIENT_FRAME.validate_python(frame | {"field_of_the_future": [1]})

    assert parsed.model_dump(exclude_unset=True) == frame


def test_the_types_are_those_of_the_union() -> None:
    assert {frame["type"] for frame in GOOD} == CLIENT_FRAME_TYPES


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param({}, id="no-type"),
        pytest.param({"type": "unknown"}, id="unknown-type"),
        pytest.param({"type": "hello", "version": 1, "client": {"id": "a"}}, id="hello-again"),
        pytest.param({"type": "user_message"}, id="no-content"),
        pytest.param({"type": "user_message", "content": ""}, id="empty-content"),
        pytest.param({"type": "user_message", "content": ["a"]}, id="content-is-a-list"),
        pytest.param({"type": "user_message", "content": "x", "role": "system"}, id="role"),
        pytest.param({"type": "user_message", "content": "x", "cid": ""}, id="empty-cid"),
        pytest.param({"type": "user_message", "content": "x", "delivery": "now"}, id="delivery"),
        pytest.param({"type": "user_message", "content": "x", "model": ""}, id="empty-model"),
        pytest.param({"type": "tool_result"}, id="no-call"),
        pytest.param({"type": "tool_result", "call_id": "c", "error": 7}, id="error-is-a-number"),
        pytest.param({"type": "tool_result", "call_id": "c", "error": {}}, id="error-without-code"),
        pytest.param({"type": "tool_result", "call_id": "c", "chunk": "x"}, id="chunk-alone"),
        pytest.param(
            {"type": "tool_result", "call_id": "c", "part": {"index": 0, "last": True}},
            id="part-alone",
        ),
        pytest.param(
            {
                "type": "tool_result",
                "call_id": "c",
                "part": {"index": -1, "last": True},
                "chunk": "x",
            },
            id="part-before-the-first",
        ),
        pytest.param({"type": "hitl_decision", "call_id": "c", "decision": "yes"}, id="decision"),
        pytest.param(
            {"type": "hitl_decision", "call_id": "c", "decision": "edit"},
            id="edit-without-arguments",
        ),
        pytest.param({"type": "cancel", "turn_id": 7}, id="turn-is-a-number"),
    ],
)
def test_a_frame_with_a_fault_is_refused(frame: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CLIENT_FRAME.validate_python(frame)


def test_a_result_is_passed_on_as_it_is_not_copied() -> None:
    result = {"rows": [[None, 1.5, "x"]]}

    parsed = CLIENT_FRAME.validate_python({"type": "tool_result", "call_id": "c", "result": result})

    assert parsed.given() == {"type": "tool_result", "call_id": "c", "result": result}
    assert parsed.given()["result"] is result


def test_the_given_fields_of_an_error_and_a_part_are_plain_values() -> None:
    frame = {
        "type": "tool_result",
        "call_id": "c",
        "error": {"code": "X", "message": "m", "details": {"a": None}},
        "part": {"index": 0, "last": True},
        "chunk": "",
    }

    assert CLIENT_FRAME.validate_python(frame).given() == frame
