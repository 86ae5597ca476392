from pathlib import Path
from typing import Any

import pytest

from codelab_client import search_tools
from codelab_client.finders import PlainFinder
from codelab_client.git import Git
from codelab_client.globs import path_matcher
from codelab_client.search_tools import SPECS, SearchTools, declaration
from codelab_core.protocol.frames import ToolDeclaration
from codelab_core.tool_errors import ToolError
from fakes.repository import Repository
from fakes.tool_bench import ToolBench


class LateClock:
    """Each look at it takes a minute."""

    def __init__(self) -> None:
        self.looks = 0

    def wall_ms(self) -> int:
        return 0

    def monotonic(self) -> float:
        self.looks += 1
        return 60.0 * self.looks


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    made = ToolBench(tmp_path)
    made.write("README.md", "hello\n")
    made.write("src/a.py", "def one():\n    return 'Hello'\n")
    made.write("src/deep/b.py", "hello = 1\r\n")
    made.write("src/c.js", "let x = 'hello'\n")
    made.write(".hidden", "hello\n")
    made.write("picture.png", b"\x89PNG\0hello\n")
    return made


async def result(bench: ToolBench, tool: str, /, **arguments: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await bench.ask(tool, **arguments))["result"]
    return answer


def paths(found: dict[str, Any]) -> list[str]:
    return [file["path"] for file in found["files"]]


async def test_a_folder_is_listed_with_its_folders(bench: ToolBench) -> None:
    files = [{"path": "README.md", "size": 6}, {"path": "picture.png", "size": 11}]

    assert {"success": True, "files": files, "truncated": False, "folders": ["src"]} == (
        await result(bench, "list_files")
    )


async def test_a_folder_is_listed_with_all_below_it(bench: ToolBench) -> None:
    files = [
        {"path": "src/a.py", "size": 30},
        {"path": "src/c.js", "size": 16},
        {"path": "src/deep/b.py", "size": 11},
    ]

    assert {"success": True, "files": files, "truncated": False} == (
        await result(bench, "list_files", path="src", recursive=True)
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"path": "src"}, ["src/a.py", "src/c.js"], id="not-deep"),
        pytest.param({"path": "src", "pattern": "*.py"}, ["src/a.py"], id="relative-to-path"),
        pytest.param({"pattern": "**/*.py"}, ["src/a.py", "src/deep/b.py"], id="folders-go-deep"),
        pytest.param({"pattern": "*.py", "recursive": True}, [], id="star-stays"),
        pytest.param({"include_hidden": True, "pattern": ".*"}, [".hidden"], id="hidden-on-demand"),
    ],
)
async def test_what_is_listed(
    bench: ToolBench, arguments: dict[str, Any], expected: list[str]
) -> None:
    assert expected == paths(await result(bench, "list_files", **arguments))


async def test_folders_are_named_by_their_path(bench: ToolBench) -> None:
    assert (await result(bench, "list_files", path="src"))["folders"] == ["src/deep"]


async def test_an_empty_folder_has_nothing(bench: ToolBench) -> None:
    (bench.root / "empty").mkdir()

    nothing = {"success": True, "files": [], "truncated": False, "folders": []}
    assert nothing == await result(bench, "list_files", path="empty")


async def test_two_thousand_files_are_listed_and_not_one_more(bench: ToolBench) -> None:
    for number in range(2001):
        bench.write(f"many/f{number:04}", "")

    more = await result(bench, "list_files", path="many")
    (bench.root / "many" / "f0000").unlink()
    exact = await result(bench, "list_files", path="many", call_id="c2")

    assert (len(more["files"]), more["truncated"]) == (2000, True)
    assert (len(exact["files"]), exact["truncated"]) == (2000, False)


async def test_lines_are_found_with_path_and_number(bench: ToolBench) -> None:
    found = await result(bench, "search_in_code", query="hello")

    assert found == {
        "success": True,
        "matches": [
            {"path": "README.md", "line": 1, "text": "hello"},
            {"path": "src/a.py", "line": 2, "text": "    return 'Hello'"},
            {"path": "src/c.js", "line": 1, "text": "let x = 'hello'"},
            {"path": "src/deep/b.py", "line": 1, "text": "hello = 1"},
        ],
        "truncated": False,
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"query": "Hello", "case_sensitive": True}, ["src/a.py"], id="case"),
        pytest.param({"query": "h.llo"}, [], id="no-expression"),
        pytest.param(
            {"query": "^h.llo", "regex": True}, ["README.md", "src/deep/b.py"], id="expression"
        ),
        pytest.param(
            {"query": "hello", "file_pattern": "*.py"}, ["src/a.py", "src/deep/b.py"], id="names"
        ),
        pytest.param(
            {"query": "hello", "path": "src", "file_pattern": "deep/*.py"},
            ["src/deep/b.py"],
            id="pattern-relative-to-path",
        ),
        pytest.param({"query": "hello", "path": "src/c.js"}, ["src/c.js"], id="one-file"),
        pytest.param(
            {"query": "hello", "path": "src/c.js", "file_pattern": "*.js"},
            ["src/c.js"],
            id="one-file-with-pattern",
        ),
    ],
)
async def test_where_is_searched(
    bench: ToolBench, arguments: dict[str, Any], expected: list[str]
) -> None:
    found = await result(bench, "search_in_code", **arguments)

    assert expected == [match["path"] for match in found["matches"]]


@pytest.mark.parametrize("regex", [False, True])
async def test_so_many_matches_and_no_more(bench: ToolBench, *, regex: bool) -> None:
    exact = await result(bench, "search_in_code", query="hello", regex=regex, max_results=4)
    more = await result(bench, "search_in_code", query="hello", regex=regex, max_results=3)

    assert (len(exact["matches"]), exact["truncated"]) == (4, False)
    assert (len(more["matches"]), more["truncated"]) == (3, True)


async def test_many_files_are_searched_in_several_steps(bench: ToolBench) -> None:
    for number in range(150):
        bench.write(f"many/f{number:03}", f"needle {number}\n" if number % 50 == 0 else "hay\n")

    found = await result(bench, "search_in_code", query="needle")

    assert [match["text"] for match in found["matches"]] == ["needle 0", "needle 50", "needle 100"]


async def test_ignored_files_are_not_searched(bench: ToolBench) -> None:
    await Repository.made(bench.root)
    bench.write(".gitignore", "src/\n")

    found = await result(bench, "search_in_code", query="hello")

    assert [match["path"] for match in found["matches"]] == ["README.md"]


async def test_files_that_are_too_large_or_gone_are_left_out(bench: ToolBench) -> None:
    await Repository.made(bench.root)
    bench.write("large", "hello\n" + "x" * (1 << 20))
    bench.write("gone", "hello\n")
    await Repository(bench.root).git("add", "gone")
    (bench.root / "gone").unlink()

    found = await result(bench, "search_in_code", query="hello", file_pattern="{large,gone}")

    assert found["matches"] == []


async def test_a_search_that_takes_too_long_ends_with_what_it_has(bench: ToolBench) -> None:
    tools = SearchTools(bench.workspace, Git(bench.root), LateClock())

    matches, complete = await tools._find(
        PlainFinder("hello", case_sensitive=True), ["README.md"], 10
    )

    assert (matches, complete) == ([], False)


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("list_files", {"path": "README.md"}, "NOT_A_FILE"),
        ("list_files", {"path": "gone"}, "FILE_NOT_FOUND"),
        ("list_files", {"path": "../.."}, "INVALID_PATH"),
        ("list_files", {"path": "/etc"}, "INVALID_PATH"),
        ("list_files", {"pattern": "{a,b}" * 7}, "INVALID_ARGUMENTS"),
        ("list_files", {"pattern": ""}, "INVALID_ARGUMENTS"),
        ("list_files", {"depth": 3}, "INVALID_ARGUMENTS"),
        ("search_in_code", {}, "INVALID_ARGUMENTS"),
        ("search_in_code", {"query": ""}, "INVALID_ARGUMENTS"),
        ("search_in_code", {"query": "x", "max_results": 201}, "INVALID_ARGUMENTS"),
        ("search_in_code", {"query": "(", "regex": True}, "INVALID_ARGUMENTS"),
        ("search_in_code", {"query": "x", "path": ".git/config"}, "INVALID_PATH"),
        ("search_in_code", {"query": "x", "file_pattern": "{a,b}" * 7}, "INVALID_ARGUMENTS"),
    ],
)
async def test_what_cannot_be_asked(
    bench: ToolBench, tool: str, arguments: dict[str, Any], code: str
) -> None:
    assert code == await bench.code(tool, **arguments)


async def test_a_symlink_out_of_the_workspace_is_neither_listed_nor_searched(
    bench: ToolBench,
) -> None:
    (bench.folder / "secret").mkdir()
    (bench.folder / "secret" / "canary").write_text("hello\n")
    (bench.root / "out").symlink_to("../secret")
    (bench.root / "file").symlink_to("../secret/canary")

    listed = await result(bench, "list_files", recursive=True)
    found = await result(bench, "search_in_code", query="hello")

    assert not {"out", "out/canary", "file"} & {*paths(listed)}
    assert len(found["matches"]) == 4
    assert await bench.code("list_files", path="out") == "PATH_OUTSIDE_WORKSPACE"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_declaration_is_what_the_server_reads(spec: Any) -> None:
    made = declaration(spec)

    assert made == ToolDeclaration.model_validate(made).model_dump(exclude={"writes"})
    assert (
        made["kind"],
        made["reads"],
        made["parameters"]["type"],
    ) == ("read", ["path"], "object")


def test_a_declaration_names_its_parameters() -> None:
    first, second = (declaration(spec)["parameters"]["properties"] for spec in SPECS)

    assert list(first) == ["path", "recursive", "include_hidden", "pattern"]
    assert list(second) == [
        "query",
        "path",
        "file_pattern",
        "case_sensitive",
        "regex",
        "max_results",
    ]


def test_a_pattern_that_is_none_matches_everything() -> None:
    assert search_tools._matcher(path_matcher, "pattern", None)("any/thing")
    with pytest.raises(ToolError):
        search_tools._matcher(path_matcher, "pattern", "{a,b}" * 7)
