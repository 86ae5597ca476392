from pathlib import Path
from typing import Any

import pytest

from codelab_core.patch.build import prepare
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base
from codelab_core.patch.text import sha256_of
from fakes.tool_bench import Guard, ToolBench, guard, rename_guard

BASES = {
    "a.py": b"one\ntwo\nthree\n",
    "gone.py": b"gone\n",
    "old.py": b"moved\nalong\n",
    "run.sh": b"true\n",
    "crlf.txt": b"one\r\ntwo\r\n",
}
PATCH = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
 one
-two
+zwei
 three
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/src/made.py b/src/made.py
new file mode 100755
--- /dev/null
+++ b/src/made.py
@@ -0,0 +1 @@
+made
diff --git a/old.py b/new.py
rename from old.py
rename to new.py
--- a/old.py
+++ b/new.py
@@ -1,2 +1,2 @@
 moved
-along
+away
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
diff --git a/crlf.txt b/crlf.txt
--- a/crlf.txt
+++ b/crlf.txt
@@ -1,2 +1,2 @@
 one
-two
+zwei
"""
AFTER = {
    "a.py": b"one\nzwei\nthree\n",
    "src/made.py": b"made\n",
    "new.py": b"moved\naway\n",
    "run.sh": b"true\n",
    "crlf.txt": b"one\r\nzwei\r\n",
}


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    made = ToolBench(tmp_path)
    for path, content in BASES.items():
        made.write(path, content)
    (made.root / "old.py").chmod(0o700)
    return made


def prepared(patch: str) -> dict[str, Any]:
    """A patch as the runtime sends it."""
    read = parse_patch(patch)
    bases = {path: Base(BASES[path]) for path in read.base_paths}
    made = prepare(read, bases)
    return {"diff": made.diff, "guard": {"files": [file.guard() for file in made.files]}}


def mode(bench: ToolBench, path: str) -> str:
    return oct((bench.root / path).stat().st_mode & 0o777)


async def test_a_prepared_patch_becomes_the_files_it_promised(bench: ToolBench) -> None:
    """T-04."""
    call = prepared(PATCH)

    result = (await bench.ask("apply_patch", **call))["result"]

    assert bench.files() == AFTER
    assert [mode(bench, path) for path in ("src/made.py", "run.sh", "new.py")] == [
        "0o755",
        "0o755",
        "0o700",
    ]
    assert {
        "success": True,
        "files_modified": [file["path"] for file in call["guard"]["files"]],
        "files": call["guard"]["files"],
    } == result


async def test_a_patch_that_was_done_already_says_so(bench: ToolBench) -> None:
    call = prepared(PATCH)
    await bench.ask("apply_patch", **call)

    again = (await bench.ask("apply_patch", call_id="c2", **call))["result"]

    assert (True, call["guard"]["files"]) == (again["already_applied"], again["files"])
    assert bench.files() == AFTER


async def test_a_patch_by_hand_is_applied_where_it_says(bench: ToolBench) -> None:
    diff = prepared(PATCH)["diff"]

    result = (await bench.ask("apply_patch", diff=diff))["result"]

    assert bench.files() == AFTER
    assert {"a.py", "gone.py", "src/made.py", "new.py", "run.sh", "crlf.txt"} == set(
        result["files_modified"]
    )


async def test_a_patch_by_hand_is_not_moved_to_where_it_would_fit(bench: ToolBench) -> None:
    diff = prepared(PATCH)["diff"]
    bench.write("a.py", b"zero\n" + BASES["a.py"])
    before = bench.files()

    error = (await bench.ask("apply_patch", diff=diff))["error"]

    assert (
        error["code"],
        error["details"]["reason"],
        error["details"]["path"],
    ) == ("PATCH_APPLY_FAILED", "post_mismatch", "a.py")
    assert before == bench.files()


async def test_an_edited_file_is_a_conflict_and_nothing_is_written(bench: ToolBench) -> None:
    """T-04."""
    bench.write("new.py", "in the way\n")
    before = bench.files()

    error = (await bench.ask("apply_patch", **prepared(PATCH)))["error"]

    shas = {"expected_sha": "absent", "actual_sha": sha256_of(b"in the way\n")}
    assert ("CONFLICT", {"class": "stale_base", "path": "new.py", **shas}) == (
        error["code"],
        error["details"],
    )
    assert before == bench.files()


@pytest.mark.parametrize("executable", [False, True])
async def test_a_change_of_mode_alone_is_made_once(bench: ToolBench, *, executable: bool) -> None:
    modes = ("100644", "100755") if executable else ("100755", "100644")
    (bench.root / "run.sh").chmod(0o644 if executable else 0o755)
    diff = f"diff --git a/run.sh b/run.sh\nold mode {modes[0]}\nnew mode {modes[1]}\n"
    same = guard(("run.sh", b"true\n", b"true\n"))

    await bench.ask("apply_patch", diff=diff, guard=same)
    before = (bench.root / "run.sh").stat()
    await bench.ask("apply_patch", diff=diff, guard=same, call_id="c2")

    assert ("0o755" if executable else "0o644") == mode(bench, "run.sh")
    assert before.st_ino == (bench.root / "run.sh").stat().st_ino


CANARY = "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n"
MANY = "".join(CANARY.replace("/x", f"/x{number}") for number in range(201))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param({}, "INVALID_ARGUMENTS", id="nothing"),
        pytest.param({"review_id": "c1-1-0"}, "INVALID_ARGUMENTS", id="only-a-review"),
        pytest.param({"diff": ""}, "INVALID_ARGUMENTS", id="empty"),
        pytest.param({"diff": "just prose\n"}, "PATCH_INVALID", id="no-diff"),
        pytest.param({"diff": "\ud800"}, "INVALID_ARGUMENTS", id="no-unicode"),
        pytest.param({"diff": MANY}, "PATCH_INVALID", id="too-many-files"),
        pytest.param({"diff": CANARY.replace("/x", "/../x")}, "INVALID_PATH", id="outside"),
        pytest.param({"diff": CANARY.replace("/x", "/out/x")}, "PATH_OUTSIDE_WORKSPACE", id="link"),
        pytest.param({"diff": CANARY.replace("/x", "/A.PY")}, "INVALID_PATH", id="twin"),
        pytest.param(
            {"diff": CANARY, "guard": guard(("x", None, b"y\n"))}, "PATCH_APPLY_FAILED", id="other"
        ),
        pytest.param(
            {"diff": CANARY, "guard": guard(("y", None, b"x\n"))}, "PATCH_APPLY_FAILED", id="path"
        ),
        pytest.param(
            {"diff": CANARY, "guard": guard(("x", None, b"x\n"), ("a.py", b"", b"y"))},
            "PATCH_APPLY_FAILED",
            id="guard-of-more",
        ),
        pytest.param(
            {"diff": CANARY, "guard": rename_guard("a.py", "x", b"", b"x\n")},
            "PATCH_APPLY_FAILED",
            id="guard-of-a-rename",
        ),
    ],
)
async def test_a_patch_that_is_not_what_was_approved_writes_nothing(
    bench: ToolBench, arguments: dict[str, Any], code: str
) -> None:
    (bench.root / "out").symlink_to("..")

    assert code == await bench.code("apply_patch", **arguments)
    assert bench.files() == BASES
    assert {"workspace", "state"} >= {path.name for path in bench.folder.iterdir()}


async def test_files_that_cannot_be_a_base_are_refused(bench: ToolBench) -> None:
    large = b"x\n" * (3 << 19)
    bench.write("large", large)
    diff = CANARY.replace("/x", "/large")
    asked: Guard = guard(("large", large, b"x\n"))

    assert await bench.code("apply_patch", diff=diff, guard=asked) == "FILE_TOO_LARGE"
