import pytest

from codelab_core.patch.model import FilePatch, Hunk, Line
from codelab_core.patch.unified import parse_unified
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import details

HEAD = "--- a/x\n+++ b/x\n"
BODY = " a\n-b\n+c\n"
LINES = (Line(" ", "a"), Line("-", "b"), Line("+", "c"))
FILE = FilePatch("modify", "x", hunks=(Hunk(LINES),))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEAD}@@ -1,2 +1,2 @@\n{BODY}", id="right"),
        pytest.param(f"{HEAD}@@ -7,9 +1 @@\n{BODY}", id="wrong-counts"),
        pytest.param(f"{HEAD}@@ ... @@\n{BODY}", id="dots"),
        pytest.param(f"{HEAD}@@ … @@\n{BODY}", id="ellipsis"),
        pytest.param(f"{HEAD}@@\n{BODY}", id="bare"),
        pytest.param(f"{HEAD}@@ -1 @@\n{BODY}", id="half-a-head"),
        pytest.param(f"{HEAD}@@ -99999999999 +1 @@\n{BODY}", id="absurd-number"),
        pytest.param(f"{HEAD}{BODY}", id="no-head-at-all"),
        pytest.param(f"{HEAD}\n\n@@\n{BODY}\n\n", id="blank-lines-around"),
        pytest.param(f"Here:\n\n```diff\n{HEAD}@@\n{BODY}```\n- done\n", id="fence-and-prose"),
        pytest.param(f"~~~~\n{HEAD}@@\n{BODY}", id="fence-without-end"),
        pytest.param(f"---\n{HEAD}@@\n{BODY}", id="rule-before"),
        pytest.param(f"{HEAD}@@ -1,2 +1,2 @@\n{BODY}That is all.\n", id="prose-behind"),
        pytest.param(f"{HEAD}@@\n{BODY}\nThat is all.\n", id="prose-after-a-blank-line"),
        pytest.param(f"{HEAD}@@\n{BODY}".replace("\n", "\r\n"), id="crlf-all-over"),
        pytest.param(
            f"diff --git a/x b/x\n{HEAD}@@ -1,2 +1,2 @@\n{BODY}-- \n2.39.5\n\n", id="mail"
        ),
    ],
)
def test_damage_and_wrapping_make_no_difference(text: str) -> None:
    """R-15."""
    assert parse_unified(text) == [FILE]


def test_a_heading_is_an_anchor() -> None:
    text = f"{HEAD}@@ -1,2 +1,2 @@ def f():\n{BODY}@@ class A @@\n{BODY}@@ -9,2 +9,2 @@\n{BODY}"

    (file,) = parse_unified(text)

    assert [hunk.anchors for hunk in file.hunks] == [("def f():",), ("class A",), ()]


def test_falling_line_numbers_mean_that_hunks_are_out_of_order() -> None:
    rising = parse_unified(f"{HEAD}@@ -1 +1 @@\n{BODY}@@\n{BODY}@@ -5 +5 @@\n{BODY}")
    falling = parse_unified(f"{HEAD}@@ -5 +5 @@\n{BODY}@@ -1 +1 @@\n{BODY}")

    assert (rising[0].ascending, falling[0].ascending) == (True, False)


def test_cr_in_hunks_alone_tells_line_ends_apart() -> None:
    (file,) = parse_unified(f"{HEAD}@@\n a\r\n-b\r\n+c\n")

    assert [line.end for line in file.hunks[0].lines] == ["\r\n", "\r\n", "\n"]


def test_each_fence_may_hold_a_file() -> None:
    text = f"One:\n```\n{HEAD}@@\n{BODY}```\n- two:\n```\n{HEAD.replace('x', 'y')}@@\n{BODY}```\n"

    assert [file.path for file in parse_unified(text)] == ["x", "y"]


def test_a_new_file_has_nothing_but_added_lines() -> None:
    head = "diff --git a/x b/x\nnew file mode 100755\n--- /dev/null\n+++ b/x\n"
    text = f"{head}@@ -0,0 +1,2 @@ f\n+a\n+\n"

    (file,) = parse_unified(text)

    lines = Hunk((Line("+", "a"), Line("+", "")))
    assert file == FilePatch("create", "x", hunks=(lines,), executable=True)


def test_a_new_file_may_begin_with_a_byte_order_mark() -> None:
    (file,) = parse_unified("--- /dev/null\n+++ b/x\n@@\n+\ufeffa\n")

    assert file.hunks == (Hunk((Line("+", "a"),), at_start=True, bom=True),)


def test_files_without_hunks_are_read_too() -> None:
    renamed = "diff --git a/x b/y\nrename from x\nrename to y\n"
    text = f"{renamed}diff --git a/z b/z\nold mode 100644\nnew mode 100755\n"

    assert parse_unified(text) == [
        FilePatch("rename", "y", "x"),
        FilePatch("modify", "z", executable=True),
    ]


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        pytest.param(f"@@ -1 +1 @@\n{BODY}", "syntax", 1, id="no-file"),
        pytest.param(f"{HEAD}@@\n{BODY}\nAnd:\n@@\n{BODY}", "syntax", 9, id="file-not-repeated"),
        pytest.param(f"{HEAD}@@\n{BODY}\nAnd:\n+more\n", "syntax", 9, id="added-line-after-prose"),
        pytest.param(f"{HEAD}@@\n{BODY}\nAnd:\n more\n", "syntax", 9, id="context-after-prose"),
        pytest.param(f"{HEAD}@@\n{BODY}lost\n", "syntax", 7, id="no-prefix"),
        pytest.param("--- /dev/null\n+++ b/x\n@@\n+a\n b\n", "syntax", 5, id="context-of-nothing"),
        pytest.param(f"diff --cc x\n{HEAD}", "unsupported", 1, id="combined"),
        pytest.param(f"{HEAD}@@@ -1 -1 +1 @@@\n  a\n", "unsupported", 3, id="combined-hunk"),
        pytest.param("Binary files a/x and b/x differ\n", "unsupported", 1, id="binary"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(text: str, reason: str, line: int) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        parse_unified(text)

    assert details(caught.value) == ("PATCH_INVALID", {"reason": reason, "line": line})


def test_prose_alone_has_no_files() -> None:
    assert parse_unified("Just text.\n```\n+code\n```\n") == []
