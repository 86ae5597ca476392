import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.canonical import CanonicalFile, CanonicalHunk, render
from codelab_core.patch.canonical_parser import parse_canonical
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import PROPERTY, details

HEAD = "diff --git a/x b/x\n--- a/x\n+++ b/x\n"
NO_NEWLINE = "\\ No newline at end of file\n"
HUNK = CanonicalHunk(0, 0, (" a\r\n", "-b\n", "+--- c"))


@pytest.mark.parametrize(
    "file",
    [
        CanonicalFile(
            "modify",
            "x",
            None,
            old_executable=False,
            executable=False,
            hunks=(HUNK, CanonicalHunk(9, 9, ("+a\n",))),
        ),
        CanonicalFile("modify", "x", None, old_executable=True, executable=False, hunks=()),
        CanonicalFile(
            "create",
            'x "y"',
            None,
            old_executable=None,
            executable=True,
            hunks=(CanonicalHunk(0, 0, ("+",)),),
        ),
        CanonicalFile("create", "x", None, old_executable=None, executable=False, hunks=()),
        CanonicalFile(
            "delete",
            "x y",
            None,
            old_executable=True,
            executable=None,
            hunks=(CanonicalHunk(0, 0, ("-a\n",)),),
        ),
        CanonicalFile("rename", "ö", "x y", old_executable=False, executable=False, hunks=()),
        CanonicalFile("rename", "y", "x", old_executable=False, executable=True, hunks=(HUNK,)),
    ],
    ids=lambda file: f"{file.operation}-{len(file.hunks)}",
)
def test_a_rendered_diff_is_read_as_what_it_was(file: CanonicalFile) -> None:
    other = CanonicalFile("delete", "other", None, old_executable=False, executable=None, hunks=())

    assert parse_canonical(render([file, other])) == (file, other)


def test_an_empty_diff_has_no_file() -> None:
    assert parse_canonical("") == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("--- a/x\n+++ b/x\n", 1, id="no-git-header"),
        pytest.param(f"{HEAD}prose\n", 4, id="prose"),
        pytest.param(f"{HEAD}@@ ... @@\n a\n", 4, id="no-numbers"),
        pytest.param(f"{HEAD}@@ -1,2 +1,2 @@\n a\n", 6, id="too-short"),
        pytest.param(f"{HEAD}@@ -1,2 +1,2 @@\n a\n\n", 6, id="row-without-prefix"),
        pytest.param(f"{HEAD}@@ -1 +1,2 @@\n-a\n-b\n+c\n", 8, id="other-counts"),
        pytest.param(f"{HEAD}@@ -0 +1 @@\n-a\n+b\n", 7, id="before-the-first-line"),
        pytest.param(f"{HEAD}@@ -1 +0 @@\n-a\n+b\n", 7, id="new-line-before-the-first"),
        pytest.param(f"{HEAD}@@ -2 +2 @@\n a\n@@ -1 +1 @@\n a\n", 6, id="out-of-order"),
        pytest.param(HEAD + HEAD, 4, id="path-twice"),
        pytest.param(f"{HEAD}@@ -1 +1 @@\n-a\n+\udc80\n", 6, id="half-a-pair"),
    ],
)
def test_any_other_text_is_refused(text: str, line: int) -> None:
    with pytest.raises(ToolError) as caught:
        parse_canonical(text)

    assert details(caught.value) == ("PATCH_INVALID", {"reason": "syntax", "line": line})


@PROPERTY
@given(
    st.integers(0, 120), st.integers(0, 5), st.sampled_from(["", "\n", "+", "\\ ", "@@", "9", " "])
)
def test_a_damaged_diff_is_refused_or_read(start: int, gone: int, put: str) -> None:
    text = f"{HEAD}@@ -1,2 +1,2 @@\n a\n-b\n{NO_NEWLINE}+c\n{NO_NEWLINE}"
    damaged = text[:start] + put + text[start + gone :]

    try:
        files = parse_canonical(damaged)
    except ToolError:
        return

    assert parse_canonical(render(files)) == files
