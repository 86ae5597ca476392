"""The tools that a driver offers."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_core.errors import CodelabError
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import BUILT_IN
from codelab_runtime.offered import (
    MAX_DECLARATIONS_BYTES,
    MAX_PARAMETERS_BYTES,
    Offered,
    built_in,
    check_declarations,
    declared,
    offered_tools,
)

OBJECT: dict[str, Any] = {"type": "object"}


def tool(name: str = "run", **fields: Any) -> dict[str, Any]:
    return {"name": name, "parameters": OBJECT, **fields}


def sized(size: int) -> dict[str, Any]:
    """Parameters of exactly so many bytes."""
    bare = len('{"type":"object","description":""}')
    return {**OBJECT, "description": "x" * (size - bare)}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"not": schema}
    return {**OBJECT, **schema}


def test_built_in_tools_come_by_name_and_others_by_declaration() -> None:
    found = offered_tools(["git.diff", "no-such-tool", tool(kind="read")])

    assert list(found) == ["git.diff", "run"]
    assert found["git.diff"] == built_in("git.diff")
    assert found["run"] == Offered("run", "read", "", OBJECT)


@pytest.mark.parametrize(
    ("tools", "by_writes"),
    [
        pytest.param(["write_file", "read_file"], True, id="reads and writes"),
        pytest.param(["read_file", "write_file", "apply_patch"], False, id="patches itself"),
        pytest.param(["write_file"], None, id="cannot read"),
        pytest.param(["read_file"], None, id="cannot write"),
    ],
)
def test_who_reads_and_writes_can_have_patches_done_by_writes(
    tools: list[str], *, by_writes: bool | None
) -> None:
    found = offered_tools(tools).get("apply_patch")

    assert (found and found.by_writes) is by_writes


def test_a_patch_by_writes_looks_to_the_model_like_any_other() -> None:
    by_writes = offered_tools(["read_file", "write_file"])["apply_patch"]

    assert replace(by_writes, by_writes=False) == built_in("apply_patch")


def test_a_declaration_is_kept_whole() -> None:
    fields: dict[str, Any] = {"description": "d", "kind": "write", "reads": ["a"], "writes": ["b"]}

    found = declared(tool(**fields, timeout_ms=2_000))

    assert found == Offered("run", "write", "d", OBJECT, ("a",), ("b",), 2_000)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_six_are_there_with_kind_and_schema(name: str) -> None:
    found = built_in(name)

    assert found is not None
    assert (found.kind, found.timeout_ms) == (BUILT_IN[name].kind, None)
    assert found.parameters["type"] == "object"


def test_other_names_are_not_built_in() -> None:
    assert built_in("fly") is None


def test_paths_are_those_that_arguments_name() -> None:
    mover = declared(tool(reads=["from", "also"], writes=["to"]))

    assert mover.paths({"from": ["a", 1, "b"], "to": "c", "path": "d"}) == ("a", "b", "c")
    assert offered_tools(["read_file"])["read_file"].paths({"path": "x"}) == ("x",)
    assert offered_tools(["apply_patch"])["apply_patch"].paths({"diff": "x"}) == ()


@pytest.mark.parametrize(
    ("offered", "arguments", "loc"),
    [
        pytest.param("read_file", {}, "path", id="missing"),
        pytest.param("read_file", {"path": "a", "start_line": 0}, "start_line", id="range"),
        pytest.param("prompt_user", {"message": "m", "actions": []}, "actions", id="empty"),
        pytest.param("apply_patch", {"diff": "", "at": [{"hunk": 1}]}, "at.0.line", id="nested"),
    ],
)
def test_arguments_that_do_not_fit_say_where(
    offered: str, arguments: dict[str, Any], loc: str
) -> None:
    with pytest.raises(ToolError) as caught:
        offered_tools([offered])[offered].check(arguments)

    assert caught.value.code is ToolCode.INVALID_ARGUMENTS
    assert [error["loc"] for error in caught.value.details["errors"]] == [loc]
    assert caught.value.message.startswith(f"{offered}: {loc}: ")


def test_declared_arguments_are_checked_by_their_schema() -> None:
    parameters = {**OBJECT, "required": ["n"], "properties": {"n": {"type": "integer"}}}
    run = declared(tool(parameters=parameters))

    run.check({"n": 1})
    with pytest.raises(ToolError, match=r"run: arguments: 'n' is a required property"):
        run.check({})


def test_a_schema_that_never_ends_fails_the_call() -> None:
    run = declared(tool(parameters={**OBJECT, "$ref": "#"}))

    with pytest.raises(ToolError) as caught:
        run.check({})

    assert caught.value.code is ToolCode.TOOL_FAILED


def test_arguments_that_fit_pass() -> None:
    offered_tools(["read_file"])["read_file"].check({"path": "a", "end_line": 3})


@pytest.mark.parametrize(
    "tools",
    [
        pytest.param([], id="none"),
        pytest.param(list(BUILT_IN), id="the six"),
        pytest.param([tool("a.b"), tool("a-b"), "git.diff"], id="names apart"),
        pytest.param([tool(parameters=sized(MAX_PARAMETERS_BYTES))], id="as large as may be"),
        pytest.param([tool(parameters={**OBJECT, "$ref": "#/$defs/x"})], id="own reference"),
        pytest.param(
            [tool(f"t{n}", parameters=sized(MAX_PARAMETERS_BYTES)) for n in range(8)], id="all"
        ),
    ],
)
def test_good_declarations_pass(tools: list[Any]) -> None:
    assert MAX_DECLARATIONS_BYTES == 8 * MAX_PARAMETERS_BYTES

    check_declarations(tools)


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        pytest.param(["fly"], "fly: unknown", id="unknown"),
        pytest.param([tool("read_file")], "read_file: is built in", id="built in"),
        pytest.param([tool("a.b"), tool("a_b")], "a_b: unknown, or taken", id="alike to providers"),
        pytest.param(["git.diff", "git.diff"], "git.diff: unknown, or taken", id="twice"),
        pytest.param(
            [tool(parameters=sized(MAX_PARAMETERS_BYTES + 1))], "run: parameters are la", id="large"
        ),
        pytest.param(
            [tool(f"t{n}", parameters=sized(MAX_PARAMETERS_BYTES)) for n in range(9)],
            "tools: larger than",
            id="large in all",
        ),
        pytest.param([tool(parameters={"type": "string"})], "must describe an", id="no object"),
        pytest.param(
            [tool(parameters={**OBJECT, "$ref": "http://x/"})], "another document", id="remote"
        ),
        pytest.param([tool(parameters={**OBJECT, "required": 1})], "no JSON Schema", id="broken"),
        pytest.param([tool(parameters=nested(400))], "run: ", id="too deep to encode"),
        pytest.param([tool(parameters=nested(240))], "nested too deeply", id="too deep to check"),
    ],
)
def test_declarations_that_cannot_work_are_refused(tools: list[Any], why: str) -> None:
    with pytest.raises(CodelabError) as caught:
        check_declarations(tools)

    wire = caught.value.to_wire()
    assert (wire["code"], wire["class"]) == ("INVALID_REQUEST", "tool_declaration")
    assert why in wire["message"]
