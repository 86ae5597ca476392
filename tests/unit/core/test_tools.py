import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from codelab_core.tools import BUILT_IN, Arguments, ToolSpec

GOLDEN = json.loads((Path(__file__).parent / "golden" / "tools.json").read_text())


@pytest.mark.parametrize("golden", GOLDEN, ids=[tool["name"] for tool in GOLDEN])
def test_a_tool_is_offered_with_the_schema_of_the_docs(golden: dict[str, Any]) -> None:
    """R-13, T-07."""
    spec = BUILT_IN[golden["name"]]

    assert {"name": spec.name, "kind": spec.kind, "parameters": spec.parameters()} == golden


def test_there_are_six_tools_and_the_model_reads_about_each() -> None:
    assert list(BUILT_IN) == [tool["name"] for tool in GOLDEN]
    assert all(spec.description.endswith(".") for spec in BUILT_IN.values())


@pytest.mark.parametrize(
    ("tool", "timeout_ms"),
    [
        ("read_file", 60_000),
        ("write_file", 60_000),
        ("git.diff", 60_000),
        ("apply_patch", 60_000),
        ("apply_patch_review", 86_400_000),
        ("prompt_user", 86_400_000),
    ],
)
def test_files_have_a_minute_and_people_a_day(tool: str, timeout_ms: int) -> None:
    assert BUILT_IN[tool].timeout_ms == timeout_ms


def test_a_schema_keeps_properties_that_are_named_like_its_keywords() -> None:
    class Odd(Arguments):
        title: str
        description: int | None = None
        either: int | str = 1

    schema = ToolSpec("odd", "read", "Odd.", Odd, 1).parameters()

    assert schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["title"],
        "properties": {
            "title": {"type": "string"},
            "description": {"type": "integer"},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 1},
        },
    }


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        pytest.param("read_file", {"path": "a", "start_line": "1"}, id="text-is-no-number"),
        pytest.param("read_file", {"path": "a", "lines": 1}, id="unknown-argument"),
        pytest.param("read_file", {"path": ""}, id="empty-path"),
        pytest.param("git.diff", {"context_lines": 21}, id="out-of-bounds"),
        pytest.param("prompt_user", {"message": "?", "actions": ["a", "a"]}, id="twin-actions"),
        pytest.param("prompt_user", {"message": "?", "actions": []}, id="no-actions"),
        pytest.param("apply_patch", {"at": [{"hunk": 0, "line": 1}]}, id="hunks-count-from-1"),
    ],
)
def test_arguments_that_break_the_schema_are_refused(tool: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BUILT_IN[tool].arguments.model_validate(arguments)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        pytest.param("git.diff", {}, id="defaults"),
        pytest.param("prompt_user", {"message": "?", "actions": ["a", "b"]}, id="question"),
        pytest.param("apply_patch", {"diff": "", "at": [{"hunk": 1, "line": 2}]}, id="places"),
    ],
)
def test_good_arguments_are_taken(tool: str, arguments: dict[str, Any]) -> None:
    parsed = BUILT_IN[tool].arguments.model_validate(arguments)

    assert parsed.model_dump(exclude_unset=True) == arguments
