import hashlib

import pytest

from codelab_core.patch.canonical import (
    CanonicalFile,
    CanonicalHunk,
    HunkIds,
    canonical_hunks,
    patch_key,
    render,
)
from codelab_core.patch.edits import Edit
from codelab_core.patch.search_index import Level

HUNK = CanonicalHunk(0, 0, (" a\n", "-b\n", "+c"))


def test_the_sides_of_a_hunk_are_lines_of_the_file() -> None:
    assert (HUNK.old, HUNK.new) == (("a\n", "b\n"), ("a\n", "c"))


@pytest.mark.parametrize(
    ("hunk", "text"),
    [
        pytest.param(
            HUNK, "@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n", id="bare"
        ),
        pytest.param(CanonicalHunk(3, 4, ("-a\r\n",)), "@@ -4 +4,0 @@\n-a\r\n", id="taken-out"),
        pytest.param(CanonicalHunk(0, 0, ("+a\n", "+b\n")), "@@ -0,0 +1,2 @@\n+a\n+b\n", id="new"),
    ],
)
def test_a_hunk_reads_as_git_writes_it(hunk: CanonicalHunk, text: str) -> None:
    assert hunk.render() == text


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param(
            CanonicalFile(
                "modify", "x", None, old_executable=False, executable=False, hunks=(HUNK,)
            ),
            f"diff --git a/x b/x\n--- a/x\n+++ b/x\n{HUNK.render()}",
            id="modify",
        ),
        pytest.param(
            CanonicalFile("create", "x", None, old_executable=None, executable=True, hunks=(HUNK,)),
            f"diff --git a/x b/x\nnew file mode 100755\n--- /dev/null\n+++ b/x\n{HUNK.render()}",
            id="create",
        ),
        pytest.param(
            CanonicalFile("create", "x", None, old_executable=None, executable=None, hunks=()),
            "diff --git a/x b/x\nnew file mode 100644\n",
            id="create-empty",
        ),
        pytest.param(
            CanonicalFile("delete", "x", None, old_executable=True, executable=None, hunks=(HUNK,)),
            "diff --git a/x b/x\ndeleted file mode 100755\n"
            f"--- a/x\n+++ /dev/null\n{HUNK.render()}",
            id="delete",
        ),
        pytest.param(
            CanonicalFile(
                "rename", "y z", "x", old_executable=False, executable=True, hunks=(HUNK,)
            ),
            "diff --git a/x b/y z\nold mode 100644\nnew mode 100755\nrename from x\n"
            f"rename to y z\n--- a/x\n+++ b/y z\t\n{HUNK.render()}",
            id="rename-and-mode",
        ),
        pytest.param(
            CanonicalFile("modify", 'q"', None, old_executable=True, executable=False, hunks=()),
            'diff --git "a/q\\"" "b/q\\""\nold mode 100755\nnew mode 100644\n',
            id="quoted",
        ),
    ],
)
def test_a_file_reads_as_git_writes_it(file: CanonicalFile, text: str) -> None:
    assert file.render() == text
    assert render([file, file]) == text * 2


LINES = [f"{number}\n" for number in range(1, 31)]


def test_edits_up_to_six_lines_apart_share_a_hunk() -> None:
    edits = [Edit(4, 5, ("x\n",)), Edit(11, 11, ("y\n",), Level.INDENT), Edit(18, 20, ())]

    first, second = canonical_hunks(LINES, edits)

    assert first.rows == (
        *(f" {line}" for line in LINES[1:4]),
        "-5\n",
        "+x\n",
        *(f" {line}" for line in LINES[5:11]),
        "+y\n",
        *(f" {line}" for line in LINES[11:14]),
    )
    assert (first.start, first.new_start, first.level) == (1, 1, Level.INDENT)
    assert (second.start, second.new_start, second.level) == (15, 16, Level.EXACT)
    assert second.rows[3:5] == ("-19\n", "-20\n")


def test_context_ends_with_the_file() -> None:
    (hunk,) = canonical_hunks(LINES[:3], [Edit(1, 2, ())])

    assert hunk.rows == (" 1\n", "-2\n", " 3\n")
    assert canonical_hunks(LINES, []) == ()


def test_a_diff_is_known_whatever_newlines_end_it() -> None:
    assert patch_key("a\n") == patch_key("a") == patch_key("a\n\n")
    assert patch_key("a\n") == hashlib.sha256(b"a\n").hexdigest()
    assert patch_key("a\n") != patch_key("a\r\n")


def test_a_hunk_id_depends_on_the_change_and_not_on_where_it_stands() -> None:
    first, second = HunkIds(), HunkIds()

    ids = [first.next("x", "a", "b"), first.next("x", "a", "b"), first.next("y", "a", "b")]
    again = [second.next("y", "a", "b"), second.next("x", "a", "b"), second.next("x", "a", "b")]

    assert ids == [again[1], again[2], again[0]]
    assert len(set(ids)) == 3
    assert {len(hunk_id) for hunk_id in ids} == {12}
