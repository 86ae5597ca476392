import re
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.apply import applied_hunks, apply_canonical
from codelab_core.patch.build import prepare, restore
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import (
    BATCH,
    BATCHES,
    PROPERTY,
    changed,
    changes_of,
    content,
    details,
    git,
    git_applied,
    prepared,
    udiff,
    unique_texts,
)

HEAD = "--- a/x\n+++ b/x\n"
EDIT = f"{HEAD}@@\n a\n-b\n+B\n"
OLD = b"0\na\nb\nc\n"


def refused(diff: str, base: bytes, **more: object) -> tuple[str, dict[str, object]]:
    with pytest.raises(ToolError) as caught:
        prepared(diff, {"x": base}, **more)
    return details(caught.value)


def test_a_patch_becomes_a_diff_guards_hunks_and_bytes() -> None:
    """R-16."""
    ready = prepared(EDIT, {"x": OLD})

    diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n 0\n a\n-b\n+B\n c\n"
    assert (ready.diff, ready.posts) == (diff, {"x": b"0\na\nB\nc\n"})
    assert [hunk.match for hunk in ready.hunks] == ["exact"]
    assert restore(diff, {"x": Base(OLD)}) == ready


def test_a_patch_is_applied_to_all_files_or_to_none() -> None:
    """T-04."""
    both = EDIT + "--- a/y\n+++ b/y\n@@\n-gone\n+new\n"

    with pytest.raises(ToolError) as caught:
        prepared(both, {"x": OLD, "y": b"other\n"})

    code, facts = details(caught.value)
    assert (code, facts["path"], facts["hunk"]) == ("PATCH_APPLY_FAILED", "y", 2)


def test_the_first_problem_is_told_in_full_and_others_in_short() -> None:
    diff = f"{HEAD}@@\n-z\n@@\n-a\n" + "@@\n-q\n" * 12

    code, facts = refused(diff, b"a\na\n")

    assert (code, facts["reason"], facts["hunk"]) == ("PATCH_APPLY_FAILED", "not_found", 1)
    also = facts["also"]
    assert isinstance(also, list)
    assert also[:2] == [
        {"path": "x", "hunk": 2, "reason": "ambiguous", "lines": [1, 2]},
        {"path": "x", "hunk": 3, "reason": "not_found"},
    ]
    assert len(also) == 9


def test_a_single_problem_has_no_others() -> None:
    assert "also" not in refused(f"{HEAD}@@\n-z\n", OLD)[1]


def test_the_model_may_choose_among_candidates() -> None:
    diff = f"{HEAD}@@\n-a\n+b\n"
    assert refused(diff, b"a\na\n")[1]["count"] == 2

    chosen = prepared(diff, {"x": b"a\na\n"}, at={1: 2})

    assert chosen.posts == {"x": b"a\nb\n"}
    assert refused(diff, b"a\n", at={2: 1})[0] == "INVALID_ARGUMENTS"


def test_the_same_patch_again_never_hits_the_next_copy() -> None:
    """R-15."""
    first = prepared(f"{HEAD}@@ -1 +1 @@\n-a\n+b\n", {"x": b"a\na\n"}, at={1: 1})
    made = applied_hunks(first.diff, "c1")

    code, facts = refused(f"{HEAD}@@\n-a\n+b\n", b"b\na\n", applied=made)

    assert (code, facts["reason"]) == ("PATCH_APPLY_FAILED", "ambiguous")
    assert facts["repeat_of"] == {"call_id": "c1", "line": 1}


def test_what_leaves_the_file_as_it_is_is_no_change() -> None:
    same = f"{HEAD}@@\n a\n-b\n+b  \n"

    assert refused(same, b"a\nb  \n")[1] == {"reason": "no_change", "path": "x", "hunk": 1}
    mode = "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n"
    with pytest.raises(ToolError) as caught:
        prepare(parse_patch(mode), {"x": Base(b"a\n", executable=True)})
    assert caught.value.details == {"reason": "no_change", "path": "x", "hunk": 0}


def test_only_the_byte_order_mark_may_change() -> None:
    marked = b"\xef\xbb\xbfa\n"

    dropped = prepared(f"{HEAD}@@ -1 +1 @@\n-\ufeffa\n+a\n", {"x": marked})
    added = prepared(f"{HEAD}@@ -1 +1 @@\n-a\n+\ufeffa\n", {"x": b"a\n"})

    assert (dropped.posts, added.posts) == ({"x": b"a\n"}, {"x": marked})


@pytest.mark.parametrize(
    ("diff", "code"),
    [
        pytest.param(EDIT.replace("x", "y"), "READ_FIRST", id="not-read"),
        pytest.param("*** Add File: x\n+a\n", "CONFLICT", id="exists"),
        pytest.param(EDIT.replace("x", "bin"), "BINARY_FILE", id="binary"),
    ],
)
def test_a_file_that_cannot_be_the_base_is_named(diff: str, code: str) -> None:
    with pytest.raises(ToolError) as caught:
        prepared(diff, {"x": OLD, "bin": b"\0"})

    assert caught.value.code == code


@st.composite
def damaged(draw: st.DrawFn, diff: str) -> str:
    """The diff with headers as models write them; nothing that a hunk says is touched."""

    def header(_: re.Match[str]) -> str:
        numbers = [draw(st.integers(0, 400)) for _ in range(4)]
        wrong = "@@ -{},{} +{},{} @@".format(*numbers)
        return draw(st.sampled_from([wrong, "@@ ... @@", "@@", f"@@ -{numbers[0]} +1 @@"]))

    return re.sub(r"^@@ .* @@$", header, diff, flags=re.MULTILINE)


@PROPERTY
@given(st.data())
def test_a_patch_makes_the_text_that_the_model_meant(data: st.DataObject) -> None:
    """R-16. Whatever its headers say, and whatever the ends of lines."""
    lines = data.draw(unique_texts())
    new = changed(lines, data.draw(changes_of(len(lines))))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    diff = data.draw(damaged(udiff("x", lines, new, data.draw(st.integers(1, 4)))))
    base = content(lines, end)

    ready = prepared(diff, {"x": base})

    expected = content(new, end if end in content(lines, end).decode() else "\n")
    assert ready.posts == {"x": expected}
    assert apply_canonical(ready.diff, {"x": base}) == ready.posts
    assert restore(ready.diff, {"x": Base(base)}).files == ready.files


@dataclass(frozen=True, slots=True)
class Pair:
    """A file before and after."""

    old: bytes
    new: bytes


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    lines = draw(unique_texts(most=25))
    new = changed(lines, draw(changes_of(len(lines))))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    tails = [draw(st.sampled_from([b"", end.encode()])) for _ in range(2)]
    mark = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    sides = [
        mark + content(side, end).removesuffix(end.encode()) + (tail if side else b"")
        for side, tail in zip((lines, new), tails, strict=True)
    ]
    return Pair(*sides)


def diffs_of_git(files: dict[str, Pair], folder: Path) -> list[str]:
    """What git says of each pair that differs."""
    for side in ("a", "b"):
        (folder / side).mkdir()
    for name, pair in files.items():
        (folder / "a" / name).write_bytes(pair.old)
        (folder / "b" / name).write_bytes(pair.new)
    prefixes = ("--src-prefix=", "--dst-prefix=")
    diff = git("diff", "--no-index", *prefixes, "a", "b", cwd=folder, check=False).decode()
    return re.split(r"^(?=diff --git )", diff, flags=re.MULTILINE)[1:]


@BATCHES
@given(st.lists(pairs(), min_size=BATCH, max_size=BATCH))
def test_a_diff_of_git_gives_the_bytes_that_git_gives(batch: list[Pair]) -> None:
    """R-16."""
    files = {f"f{number}": pair for number, pair in enumerate(batch)}
    with tempfile.TemporaryDirectory() as folder:
        diffs = diffs_of_git(files, Path(folder))

    for diff in diffs:
        name = diff.partition(" b/")[2].partition("\n")[0]
        assert prepared(diff, {name: files[name].old}).posts == {name: files[name].new}


@BATCHES
@given(st.lists(pairs(), min_size=BATCH, max_size=BATCH))
def test_git_makes_the_same_bytes_of_the_canonical_diff(batch: list[Pair]) -> None:
    """R-16."""
    files = {f"f{number}": pair for number, pair in enumerate(batch) if pair.old != pair.new}
    with tempfile.TemporaryDirectory() as folder:
        ready = [
            prepared(diff, {name: pair.old})
            for diff in diffs_of_git(files, Path(folder))
            for name, pair in files.items()
            if f" b/{name}\n" in diff
        ]
    olds = {name: pair.old for name, pair in files.items()}
    posts = {name: post for each in ready for name, post in each.posts.items()}

    with tempfile.TemporaryDirectory() as folder:
        made = git_applied("".join(each.diff for each in ready), olds, Path(folder))

    assert made == {**olds, **posts}


ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r", "mixed": "\n"}
CELLS = list(product(ENDS, ("", "\ufeff"), (True, False), (False, True)))
"""Kind of line end, byte order mark, final newline, executable."""


def cell(kind: str, mark: str, *, closed: bool, third: str = "three") -> bytes:
    """Four lines; in the mixed kind a new third one ends as the second does."""
    mixed = ["\r\n", "\n", "\r\n" if third == "three" else "\n", "\n"]
    ends = mixed if kind == "mixed" else [ENDS[kind]] * 4
    lines = [f"{word}{end}" for word, end in zip(("one", "two", third, "four"), ends, strict=True)]
    return (mark + ("".join(lines) if closed else "".join(lines).removesuffix(ends[3]))).encode()


def matrix(operation: str) -> tuple[PreparedPatch, dict[str, Base], dict[str, bytes]]:
    """One patch for all cells: what it is about, and what has to come out."""
    heads = {
        "modify": "--- a/{0}\n+++ b/{0}\n",
        "rename": "diff --git a/{0} b/new {0}\nrename from {0}\nrename to new {0}\n",
    }
    head, body = heads.get(operation, ""), "@@\n two\n-three\n+3\n four\n"
    names = {f"{number} ö.txt": each for number, each in enumerate(CELLS)}
    bases = {
        name: Base(cell(kind, mark, closed=closed), executable=executable)
        for name, (kind, mark, closed, executable) in names.items()
    }
    if operation == "delete":
        text = "".join(f"*** Delete File: {name}\n" for name in names)
        return prepare(parse_patch(text), bases), bases, {}
    made = {
        f"new {name}" if operation == "rename" else name: cell(kind, mark, closed=closed, third="3")
        for name, (kind, mark, closed, _) in names.items()
    }
    text = "".join(head.format(name) + body for name in names)
    return prepare(parse_patch(text), bases), bases, made


@pytest.mark.parametrize("operation", ["modify", "rename", "delete"])
def test_bytes_that_are_not_touched_stay_in_every_kind_of_file(
    operation: str, tmp_path: Path
) -> None:
    """R-16."""
    ready, bases, made = matrix(operation)

    assert {path: post for path, post in ready.posts.items() if post is not None} == made
    contents = {name: base.content for name, base in bases.items()}
    assert git_applied(ready.diff, contents, tmp_path) == made


@pytest.mark.parametrize("executable", [False, True])
def test_a_mode_changes_only_where_the_patch_says_so(*, executable: bool) -> None:
    base = {"x": Base(OLD, executable=executable)}
    mode = "100644" if executable else "100755"

    kept = prepare(parse_patch(EDIT), base)
    turned = prepare(parse_patch(f"diff --git a/x b/x\nnew mode {mode}\n{EDIT}"), base)

    assert [file.executable for file in (*kept.files, *turned.files)] == [None, not executable]


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "bare"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("mode", ["100644", "100755"])
def test_a_new_file_is_what_the_patch_says(
    mark: str, mode: str, tmp_path: Path, *, closed: bool
) -> None:
    note = "" if closed else "\\ No newline at end of file\n"
    head = f'diff --git "a/q\\"" "b/q\\""\nnew file mode {mode}\n--- /dev/null\n+++ "b/q\\""\n'

    ready = prepare(parse_patch(f"{head}@@ -0,0 +1,2 @@\n+{mark}one\n+two\n{note}"), {})

    made = f"{mark}one\ntwo{'\n' * closed}".encode()
    assert ready.posts == {'q"': made}
    assert [file.executable for file in ready.files] == [True if mode == "100755" else None]
    assert git_applied(ready.diff, {}, tmp_path) == {'q"': made}


def test_files_without_lines_pass_through_git(tmp_path: Path) -> None:
    text = "*** Add File: empty\n*** Delete File: gone\n*** Update File: a b\n*** Move to: c/d e\n"
    bases = {"gone": Base(b""), "a b": Base(b"\0\xff")}

    ready = prepare(parse_patch(text), bases)

    contents = {name: base.content for name, base in bases.items()}
    assert git_applied(ready.diff, contents, tmp_path) == {"empty": b"", "c/d e": b"\0\xff"}
    assert ready.posts == {"empty": b"", "gone": None, "a b": None, "c/d e": b"\0\xff"}


HUGE = b"x\n" * 100_000
HOSTILE = [
    pytest.param(f"{HEAD}@@\n" + " x\n" * 100 + "+y\n", "ambiguous", id="equal-lines"),
    pytest.param(f"{HEAD}" + "@@\n x\n+y\n" * 2_000, "ambiguous", id="many-hunks"),
    pytest.param(f"{HEAD}@@\n" + " x\n" * 99_999 + "-z\n", "not_found", id="long-hunk"),
    pytest.param(f"{HEAD}" + "@@ x\n x\n-  x\n+y\n" * 1_000, "not_found", id="anchors"),
]


@pytest.mark.parametrize(("diff", "reason"), HOSTILE)
def test_a_hundred_thousand_equal_lines_are_no_burden(diff: str, reason: str) -> None:
    """R-15."""
    bases = {"x": Base(HUGE)}
    patch = parse_patch(diff)
    began = time.process_time()

    with pytest.raises(ToolError) as caught:
        prepare(patch, bases)

    # Under a tracer (coverage) everything takes several times as long.
    assert time.process_time() - began < (1 if sys.gettrace() is None else 20)
    assert caught.value.details["reason"] in {reason, "too_complex"}


def test_a_hundred_thousand_equal_lines_need_little_memory() -> None:
    """R-15."""
    bases = {"x": Base(HUGE)}
    tracemalloc.start()

    with pytest.raises(ToolError):
        prepare(parse_patch(f"{HEAD}@@\n" + " x\n" * 100 + "-z\n"), bases)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024 * 1024
