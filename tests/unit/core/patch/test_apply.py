import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.apply import applied_hunks, apply_canonical
from codelab_core.patch.model import AppliedHunk
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import PROPERTY, details

HEAD = "diff --git a/x b/x\n--- a/x\n+++ b/x\n"
DIFF = f"{HEAD}@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n@@ -9 +9,2 @@\n i\n+j\n"
OLD = b"a\nb\nc\nd\ne\nf\ng\nh\ni\n"
NEW = b"a\nb\nC\nd\ne\nf\ng\nh\ni\nj\n"

DELETE = "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
CREATE = "diff --git a/x b/x\nnew file mode 100644\n"
RENAME = "diff --git a/y b/x\nrename from y\nrename to x\n"


def test_lines_at_their_places_are_replaced() -> None:
    """T-04."""
    assert apply_canonical(DIFF, {"x": OLD, "y": b""}) == {"x": NEW}


@pytest.mark.parametrize(
    ("diff", "files", "posts"),
    [
        pytest.param(
            "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n",
            {},
            {"x": b"a\n"},
            id="create",
        ),
        pytest.param(
            "diff --git a/x b/x\nnew file mode 100644\n", {"x": None}, {"x": b""}, id="empty"
        ),
        pytest.param(
            DELETE,
            {"x": b"a\n"},
            {"x": None},
            id="delete",
        ),
        pytest.param(
            "diff --git a/x b/y\nrename from x\nrename to y\n",
            {"x": b"\x89\xff\0"},
            {"x": None, "y": b"\x89\xff\0"},
            id="rename-of-any-bytes",
        ),
        pytest.param(
            f"{HEAD}@@ -1 +1 @@\n-\ufeffa\r\n+\ufeffb\n\\ No newline at end of file\n",
            {"x": b"\xef\xbb\xbfa\r\n"},
            {"x": b"\xef\xbb\xbfb"},
            id="exact-bytes",
        ),
    ],
)
def test_every_operation_gives_the_new_files(
    diff: str, files: dict[str, bytes | None], posts: dict[str, bytes | None]
) -> None:
    assert apply_canonical(diff, files) == posts


@pytest.mark.parametrize(
    ("diff", "files", "facts"),
    [
        pytest.param(DIFF, {"x": OLD.replace(b"d", b"D")}, ("x", 1, 4), id="other-line"),
        pytest.param(DIFF, {"x": OLD.replace(b"c\n", b"c\r\n")}, ("x", 1, 3), id="other-end"),
        pytest.param(DIFF, {"x": b"0\n" + OLD}, ("x", 1, 2), id="one-line-further"),
        pytest.param(DIFF, {"x": OLD[:-2]}, ("x", 2, 9), id="shorter-file"),
        pytest.param(f"{HEAD}@@ -9,0 +9 @@\n+a\n", {"x": b"a\n"}, ("x", 1, 10), id="past-the-end"),
        pytest.param(DIFF, {}, ("x", 0, 1), id="missing-file"),
        pytest.param(CREATE, {"x": b""}, ("x", 0, 1), id="taken-path"),
        pytest.param(RENAME, {"y": b"", "x": b""}, ("y", 0, 1), id="taken-target"),
        pytest.param(DELETE, {"x": b"a\nb\n"}, ("x", 1, 1), id="lines-left"),
    ],
)
def test_nothing_is_searched(
    diff: str, files: dict[str, bytes | None], facts: tuple[str, int, int]
) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        apply_canonical(diff, files)

    path, hunk, line = facts
    expected = {"reason": "post_mismatch", "path": path, "hunk": hunk, "line": line}
    assert details(caught.value) == ("PATCH_APPLY_FAILED", expected)


@PROPERTY
@given(st.integers(0, len(OLD) - 1), st.sampled_from([b"", b"x", b"\n", b"\r", b"\xff"]))
def test_any_damage_to_a_line_of_the_diff_is_noticed(at: int, put: bytes) -> None:
    damaged = OLD[:at] + put + OLD[at + 1 :]

    lines = damaged.replace(b"\n", b"\n\0").split(b"\0")
    if [*lines[1:4], *lines[8:9]] == [b"b\n", b"c\n", b"d\n", b"i\n"]:
        assert apply_canonical(DIFF, {"x": damaged})["x"] is not None
    else:
        with pytest.raises(ToolError, match="another one"):
            apply_canonical(DIFF, {"x": damaged})


def test_each_run_of_changed_lines_is_remembered_by_itself() -> None:
    diff = f"{HEAD}@@ -1,4 +1,4 @@\n a\n-b\n+B\n c\n+n\n-d\n"

    assert applied_hunks(diff, "c1") == (
        AppliedHunk("x", "a\nb\nc\nd\n", "a\nB\nc\nd\n", "c1", 2),
        AppliedHunk("x", "a\nb\nc\nd\n", "a\nb\nc\nn\n", "c1", 4),
    )


def test_a_file_that_came_or_went_leaves_nothing_to_repeat() -> None:
    assert applied_hunks(DELETE, "c1") == ()
    assert applied_hunks(CREATE, "c1") == ()
