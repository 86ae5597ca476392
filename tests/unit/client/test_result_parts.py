import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_client.result_parts import frames
from codelab_core.protocol.commands import CLIENT_FRAME, ErrorObject, ToolResult
from codelab_core.protocol.frames import (
    MAX_FRAME_BYTES,
    MAX_PART_CHARS,
    MAX_PARTED_BYTES,
    MAX_RESULT_BYTES,
)

ENVELOPE = len('{"diff":""}')


def joined(parts: list[dict[str, Any]]) -> Any:
    return json.loads("".join(part["chunk"] for part in parts))


def test_a_small_result_is_one_frame() -> None:
    result = {"success": True}

    made = frames("c1", {"result": result})

    assert [{"type": "tool_result", "call_id": "c1", "result": result}] == made


def test_an_error_is_one_frame() -> None:
    error = {"code": "FILE_NOT_FOUND", "message": "gone", "details": {"path": "a"}}

    made = frames("c1", {"error": error})

    assert [{"type": "tool_result", "call_id": "c1", "error": error}] == made


def test_an_error_says_no_more_than_the_server_takes() -> None:
    error = {"code": "TOOL_FAILED", "message": "x" * 4001, "details": {}}

    made = frames("c1", {"error": error})

    read = CLIENT_FRAME.validate_json(json.dumps(made[0]))
    assert isinstance(read, ToolResult)
    assert isinstance(read.error, ErrorObject)
    assert read.error.message == "x" * 4000


def test_a_result_of_exactly_the_limit_is_one_frame() -> None:
    result = {"diff": "x" * (MAX_RESULT_BYTES - ENVELOPE)}

    assert [{"type": "tool_result", "call_id": "c1", "result": result}] == frames(
        "c1", {"result": result}
    )


def test_one_byte_more_goes_in_parts() -> None:
    result = {"diff": "x" * (MAX_RESULT_BYTES - ENVELOPE + 1)}

    made = frames("c1", {"result": result})

    assert [frame["part"] for frame in made] == [
        {"index": 0, "last": False},
        {"index": 1, "last": True},
    ]
    assert result == joined(made)


@pytest.mark.parametrize(
    "character", [pytest.param('"', id="quotes"), pytest.param("é", id="two-bytes"), "\U0001f600"]
)
def test_every_part_fits_a_frame_however_often_json_escapes_it(character: str) -> None:
    size = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    result = {"diff": character * (2_000_000 // size)}

    made = frames("c1", {"result": result})

    assert result == joined(made)
    assert all(len(frame["chunk"]) <= MAX_PART_CHARS for frame in made)
    encoded = [json.dumps(frame, ensure_ascii=False).encode() for frame in made]
    assert max(map(len, encoded)) <= MAX_FRAME_BYTES


def test_a_result_of_eight_mebibytes_still_goes() -> None:
    result = {"diff": "x" * (MAX_PARTED_BYTES - ENVELOPE)}

    assert result == joined(frames("c1", {"result": result}))


def test_one_byte_above_eight_mebibytes_is_too_large() -> None:
    made = frames("c1", {"result": {"diff": "x" * (MAX_PARTED_BYTES - ENVELOPE + 1)}})

    assert [(frame["error"]["code"], frame["error"]["details"]) for frame in made] == [
        ("TOO_LARGE", {"class": "result", "max": 8388608, "actual": 8388609})
    ]


@pytest.mark.parametrize(
    "result",
    [
        pytest.param({"text": "\ud800"}, id="half-a-surrogate-pair"),
        pytest.param({"text": float("nan")}, id="nan"),
        pytest.param({"text": object()}, id="an-object"),
    ],
)
def test_what_is_no_json_is_a_failed_tool(result: Any) -> None:
    made = frames("c1", {"result": result})

    assert [frame["error"]["code"] for frame in made] == ["TOOL_FAILED"]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none()))
def test_frames_are_what_the_server_reads(result: Any) -> None:
    made = frames("c1", {"result": result})

    read = [CLIENT_FRAME.validate_json(json.dumps(frame)) for frame in made]
    assert [ToolResult(type="tool_result", call_id="c1", result=result)] == read
