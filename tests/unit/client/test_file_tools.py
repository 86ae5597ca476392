import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from codelab_core.patch.text import sha256_of
from codelab_core.tools import FILE_MAX_BYTES, READ_MAX_BYTES
from fakes.tool_bench import ToolBench, guard, rename_guard


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    return ToolBench(tmp_path)


async def test_a_file_is_read_with_its_facts(bench: ToolBench) -> None:
    """T-01."""
    bench.write("run.sh", b"\xef\xbb\xbfone\r\ntwo\r\n")
    (bench.root / "run.sh").chmod(0o755)

    answer = await bench.ask("read_file", path="run.sh", start_line=2)

    assert {
        "result": {
            "success": True,
            "content": "two\r\n",
            "encoding": "utf-8",
            "sha256": hashlib.sha256(b"\xef\xbb\xbfone\r\ntwo\r\n").hexdigest(),
            "size": 13,
            "start_line": 2,
            "end_line": 2,
            "total_lines": 2,
            "truncated": False,
            "eol": "crlf",
            "bom": True,
            "executable": True,
        }
    } == answer


async def test_a_large_file_is_cut_and_says_so(bench: ToolBench) -> None:
    """T-10: parts carry it, and the hash is still that of the whole file."""
    line = b"x" * 1023 + b"\n"
    bench.write("large", line * 1500)

    result = (await bench.ask("read_file", path="large"))["result"]

    assert (result["end_line"], result["total_lines"], result["truncated"]) == (1024, 1500, True)
    assert len(result["content"]) == READ_MAX_BYTES
    assert (1500 * 1024, sha256_of(line * 1500)) == (result["size"], result["sha256"])


@pytest.mark.parametrize(
    ("content", "arguments", "error"),
    [
        pytest.param(
            b"\x89PNG\0",
            {},
            ("BINARY_FILE", {"path": "file", "size": 5}),
            id="binary",
        ),
        pytest.param(
            b"abc\xe9", {}, ("ENCODING_ERROR", {"path": "file", "offset": 3}), id="encoding"
        ),
        pytest.param(
            b"one\n",
            {"start_line": 2},
            ("INVALID_RANGE", {"path": "file", "total_lines": 1}),
            id="range",
        ),
    ],
)
async def test_what_cannot_be_read_is_named(
    bench: ToolBench, content: bytes, arguments: dict[str, Any], error: tuple[str, Any]
) -> None:
    """T-09, T-11."""
    bench.write("file", content)

    failure = (await bench.ask("read_file", path="file", **arguments))["error"]

    assert error == (failure["code"], failure["details"])


async def test_a_file_of_32_mebibytes_is_read_and_one_byte_more_is_not(bench: ToolBench) -> None:
    """T-10."""
    for size in (FILE_MAX_BYTES, FILE_MAX_BYTES + 1):
        with (bench.root / str(size)).open("wb") as file:
            file.seek(size - 1)
            file.write(b"\n")

    exact = (await bench.ask("read_file", path=str(FILE_MAX_BYTES)))["error"]
    more = (await bench.ask("read_file", path=str(FILE_MAX_BYTES + 1), call_id="c2"))["error"]

    assert (exact["code"], exact["details"]["size"]) == ("BINARY_FILE", FILE_MAX_BYTES)
    facts = {"file_size": FILE_MAX_BYTES + 1, "max_size": FILE_MAX_BYTES}
    assert ("FILE_TOO_LARGE", {"path": str(FILE_MAX_BYTES + 1), **facts}) == (
        more["code"],
        more["details"],
    )


async def test_a_missing_file_comes_with_similar_names(bench: ToolBench) -> None:
    bench.write("README.md", "")

    error = (await bench.ask("read_file", path="README.mdx"))["error"]

    assert (
        error["code"],
        error["details"],
    ) == ("FILE_NOT_FOUND", {"path": "README.mdx", "similar": ["README.md"]})


def written(before: bytes | None, after: bytes, **more: Any) -> dict[str, Any]:
    """The result of a write that changed something."""
    shas = {"pre_sha": sha256_of(before), "post_sha": sha256_of(after)}
    facts = {"bytes_written": len(after), "created": before is None, "changed": True}
    return {"result": {"success": True, **facts, **shas, **more}}


async def test_a_file_is_made_with_its_folders(bench: ToolBench) -> None:
    """T-02."""
    answer = await bench.ask(
        "write_file",
        path="src/new/a.py",
        content="é\r\n",
        guard=guard(("src/new/a.py", None, b"\xc3\xa9\r\n")),
    )

    assert written(None, b"\xc3\xa9\r\n") == answer
    assert bench.files() == {"src/new/a.py": b"\xc3\xa9\r\n"}


async def test_a_file_is_replaced(bench: ToolBench) -> None:
    bench.write("a", "old")

    answer = await bench.ask(
        "write_file", path="a", content="new", guard=guard(("a", b"old", b"new"))
    )

    assert written(b"old", b"new") == answer
    assert bench.files() == {"a": b"new"}


async def test_a_call_by_hand_replaces_whatever_is_there(bench: ToolBench) -> None:
    bench.write("a", b"\xff\0old")

    assert written(b"\xff\0old", b"new") == await bench.ask("write_file", path="a", content="new")


async def test_the_same_content_changes_nothing(bench: ToolBench) -> None:
    bench.write("a", "same")
    os.utime(bench.root / "a", (1, 1))

    answer = await bench.ask("write_file", path="a", content="same")

    same = {"bytes_written": 0, "created": False, "changed": False}
    assert written(b"same", b"same", **same) == answer
    assert (bench.root / "a").stat().st_mtime == 1


async def test_a_write_that_was_done_already_says_so(bench: ToolBench) -> None:
    bench.write("a", "new")

    answer = await bench.ask(
        "write_file", path="a", content="new", guard=guard(("a", b"old", b"new"))
    )

    done = {"bytes_written": 0, "changed": False, "already_applied": True}
    assert written(b"old", b"new", **done) == answer


async def test_a_file_that_was_not_read_is_not_replaced(bench: ToolBench) -> None:
    """Guard `absent`: it may only be created."""
    bench.write("a", "theirs")

    error = (
        await bench.ask("write_file", path="a", content="new", guard=guard(("a", None, b"new")))
    )["error"]

    shas = {"expected_sha": "absent", "actual_sha": sha256_of(b"theirs")}
    assert ("CONFLICT", {"class": "stale_base", "path": "a", **shas}) == (
        error["code"],
        error["details"],
    )
    assert bench.files() == {"a": b"theirs"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(
            {"path": "a", "content": "x", "guard": guard(("b", None, b"x"))},
            "INVALID_ARGUMENTS",
            id="guard-of-another-file",
        ),
        pytest.param(
            {"path": "a", "content": "x", "guard": rename_guard("b", "a", b"x", b"x")},
            "INVALID_ARGUMENTS",
            id="guard-of-a-rename",
        ),
        pytest.param(
            {"path": "a", "content": "x", "guard": {"files": []}},
            "INVALID_ARGUMENTS",
            id="empty-guard",
        ),
        pytest.param(
            {"path": "a", "content": "x", "guard": guard(("a", None, b"y"))},
            "PATCH_APPLY_FAILED",
            id="other-content-than-approved",
        ),
        pytest.param({"path": "a"}, "INVALID_ARGUMENTS", id="no-content"),
        pytest.param({"path": "a", "content": "\ud800"}, "INVALID_ARGUMENTS", id="no-unicode"),
        pytest.param({"path": "a", "content": "x" * 1_048_577}, "INVALID_ARGUMENTS", id="large"),
        pytest.param({"path": "folder", "content": "x"}, "NOT_A_FILE", id="folder"),
        pytest.param({"path": "out", "content": "x"}, "PATH_OUTSIDE_WORKSPACE", id="outside"),
        pytest.param({"path": "in", "content": "x"}, "NOT_A_FILE", id="symlink"),
        pytest.param({"path": "FILE", "content": "x"}, "INVALID_PATH", id="twin"),
        pytest.param({"path": "/".join("x" * 18), "content": "x"}, "INVALID_PATH", id="too-deep"),
    ],
)
async def test_what_must_not_be_written(
    bench: ToolBench, arguments: dict[str, Any], code: str
) -> None:
    bench.write("folder/file", "")
    bench.write("file", "")
    (bench.root / "in").symlink_to("file")
    (bench.root / "out").symlink_to("../canary")

    assert code == await bench.code("write_file", **arguments)
    assert bench.files() == {"file": b"", "folder/file": b"", "in": b""}
    assert not (bench.folder / "canary").exists()


async def test_a_mebibyte_is_written(bench: ToolBench) -> None:
    """T-10."""
    content = "x" * 1_048_576

    answer = await bench.ask("write_file", path="a", content=content)

    assert answer["result"]["bytes_written"] == 1_048_576


async def test_the_loop_is_free_while_a_large_file_is_read(bench: ToolBench) -> None:
    """The socket of the client lives on this loop."""
    bench.write("large", b"a line of text\r\n" * (FILE_MAX_BYTES // 16))
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - begin)

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        result = (await bench.ask("read_file", path="large", start_line=2_000_000))["result"]
        watching.cancel()

    assert result["size"] == FILE_MAX_BYTES
    assert longest < 0.5  # 0.05 is the promise; other work on the machine has its part
