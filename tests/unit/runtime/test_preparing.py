"""From what the model asked to what really runs, for tools without patches."""

import hashlib
from typing import Any

import orjson
import pytest

from codelab_core.patch.text import sha256_of
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import BUILT_IN
from codelab_runtime.files import Files, learn_write, mark_stale
from codelab_runtime.offered import offered_tools
from codelab_runtime.preparing import (
    Preparation,
    Prepared,
    bound,
    check_path,
    digest_of,
    prepared,
    read_first,
)

RUN = {
    "name": "run",
    "parameters": {"type": "object", "properties": {"to": {"type": "string"}}},
    "writes": ["to"],
}
LIST = {"name": "list", "kind": "read", "parameters": {"type": "object"}, "reads": ["path"]}
OFFERED = offered_tools([*BUILT_IN, RUN, LIST])


def asked(tool: str, arguments: dict[str, Any], files: Files | None = None) -> Preparation:
    return Preparation(tool, arguments, OFFERED, files=files or {})


def refused(tool: str, arguments: dict[str, Any], files: Files | None = None) -> ToolError:
    with pytest.raises(ToolError) as caught:
        prepared(asked(tool, arguments, files))
    return caught.value


def written(content: str, old: bytes | None, path: str = "a") -> tuple[str, dict[str, str]]:
    files = {} if old is None else learn_write({}, path, old)
    made = prepared(asked("write_file", {"path": path, "content": content}, files))
    (guarded,) = (made.guard or {})["files"]
    return made.arguments["content"], guarded


def test_a_tool_that_nobody_has_is_named_with_those_there_are() -> None:
    error = refused("fly", {})

    assert error.code is ToolCode.TOOL_NOT_FOUND
    assert error.details == {"tool": "fly", "available": sorted([*BUILT_IN, "run", "list"])}


def test_arguments_that_do_not_fit_are_refused() -> None:
    assert refused("read_file", {"path": 1}).code is ToolCode.INVALID_ARGUMENTS
    assert refused("run", {"to": 1}).code is ToolCode.INVALID_ARGUMENTS


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        pytest.param("read_file", {"path": "../a"}, id="read"),
        pytest.param("read_file", {"path": "."}, id="the root is no file"),
        pytest.param("write_file", {"path": "/a", "content": ""}, id="write"),
        pytest.param("git.diff", {"path": ".git/config"}, id="reserved"),
        pytest.param("run", {"to": "."}, id="a declared tool that writes"),
        pytest.param("run", {"to": "a\\b"}, id="declared"),
    ],
)
def test_no_path_leaves_the_workspace(tool: str, arguments: dict[str, Any]) -> None:
    assert refused(tool, arguments).code is ToolCode.INVALID_PATH


@pytest.mark.parametrize("tool", ["git.diff", "list"])
def test_tools_that_read_trees_may_name_the_root(tool: str) -> None:
    assert prepared(asked(tool, {"path": "."})).arguments == {"path": "."}


def test_a_path_is_shown_shortened_and_as_valid_text() -> None:
    with pytest.raises(ToolError) as caught:
        check_path("/" + "\ud800" * 300)

    assert caught.value.details["path"] == "/" + "?" * 199


def test_other_calls_run_as_they_were_asked_for_bound_by_a_digest() -> None:
    arguments = {"path": "a", "start_line": 2}

    made = prepared(asked("read_file", arguments))

    digest = hashlib.sha256(orjson.dumps(["read_file", arguments, None])).hexdigest()
    assert made == Prepared(arguments, digest=digest)


def test_the_order_of_keys_does_not_change_a_digest_but_name_arguments_and_guard_do() -> None:
    digest = digest_of("t", {"a": 1, "b": 2}, None)

    assert digest_of("t", {"b": 2, "a": 1}, None) == digest
    others = {
        digest_of("u", {"a": 1, "b": 2}, None),
        digest_of("t", {"a": 1, "b": 3}, None),
        digest_of("t", {"a": 1, "b": 2}, {"files": []}),
    }
    assert len(others | {digest}) == 4
    assert bound("t", {"a": 1}, {"files": []}, {"hunks": []}) == Prepared(
        {"a": 1}, {"files": []}, {"hunks": []}, digest_of("t", {"a": 1}, {"files": []})
    )


@pytest.mark.parametrize(
    "arguments",
    [{"revision": "--output=x"}, {"revision": "HEAD~1..HEAD", "staged": True}],
    ids=["option", "range and index"],
)
def test_a_revision_is_no_option_and_a_range_has_no_index(arguments: dict[str, Any]) -> None:
    assert refused("git.diff", arguments).code is ToolCode.INVALID_ARGUMENTS


@pytest.mark.parametrize(
    "arguments", [{}, {"revision": "HEAD~1..HEAD"}, {"revision": "main", "staged": True}]
)
def test_other_revisions_are_fine(arguments: dict[str, Any]) -> None:
    assert prepared(asked("git.diff", arguments)).arguments == arguments


def test_an_unknown_file_may_only_be_created() -> None:
    content, guarded = written("new\n", None)

    assert (content, guarded) == (
        "new\n",
        {"path": "a", "op": "create", "pre_sha": "absent", "post_sha": sha256_of(b"new\n")},
    )


def test_a_known_file_is_replaced_from_the_bytes_that_were_seen() -> None:
    _, guarded = written("new\n", b"old\n")

    assert guarded == {
        "path": "a",
        "op": "modify",
        "pre_sha": sha256_of(b"old\n"),
        "post_sha": sha256_of(b"new\n"),
    }


def test_a_file_known_to_be_gone_is_created() -> None:
    files = learn_write({}, "a", None)

    made = prepared(asked("write_file", {"path": "a", "content": ""}, files))

    assert (made.guard or {})["files"][0]["op"] == "create"


@pytest.mark.parametrize(
    ("content", "old", "expected"),
    [
        pytest.param("a\nb\n", b"x\r\ny\r\n", "a\r\nb\r\n", id="crlf comes back"),
        pytest.param("a\r\nb\n", b"x\r\n", "a\r\nb\n", id="the model's own crlf"),
        pytest.param("a\n", b"x\r\ny\n", "a\n", id="mixed"),
        pytest.param("a\n", b"x\n", "a\n", id="lf"),
        pytest.param("a\n", b"\xef\xbb\xbfx\n", "\ufeffa\n", id="the mark comes back"),
        pytest.param("\ufeffa\n", b"\xef\xbb\xbfx\n", "\ufeffa\n", id="one mark is enough"),
    ],
)
def test_line_ends_and_mark_of_the_file_are_kept(content: str, old: bytes, expected: str) -> None:
    made, guarded = written(content, old)

    assert (made, guarded["post_sha"]) == (expected, sha256_of(expected.encode()))


def test_a_file_that_changed_under_us_must_be_read_first() -> None:
    files = mark_stale(learn_write({}, "a", b"old\n"), "a")

    error = refused("write_file", {"path": "a", "content": "x"}, files)

    assert (error.code, error.details) == (ToolCode.READ_FIRST, {"path": "a", "failures": 0})


def test_how_often_it_failed_is_said() -> None:
    error = read_first(Preparation("apply_patch", {}, OFFERED, failures={"a": 3}), "a")

    assert error.details == {"path": "a", "failures": 3}


def test_what_a_patch_made_of_a_file_is_written_exactly() -> None:
    files = learn_write({}, "a", b"\xef\xbb\xbfx\r\ny\r\n")
    write = Preparation("write_file", {"path": "a", "content": "x\n"}, OFFERED, files, exact=True)

    assert prepared(write).arguments["content"] == "x\n"
