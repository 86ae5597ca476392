import pytest

from codelab_core.patch.model import FilePatch, Hunk, Line
from codelab_core.patch.v4a import parse_v4a, starts_v4a
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import details

BODY = " a\n-b\n+c\n"
LINES = (Line(" ", "a"), Line("-", "b"), Line("+", "c"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"*** Begin Patch\n*** Update File: x\n@@\n{BODY}*** End Patch\n", id="whole"),
        pytest.param(f"*** Update File: x\n{BODY}", id="no-begin-no-end-no-mark"),
        pytest.param(
            f"*** Begin Patch\n\n*** Update File: x\n\n@@\n{BODY}\n\n*** End Patch\n", id="blanks"
        ),
        pytest.param(
            f"Sure:\n```\n*** Begin Patch\n*** Update File: x \n{BODY}*** End Patch\n```\n- ok\n",
            id="fence-and-prose",
        ),
        pytest.param(f"```\n*** Update File: x\n{BODY}```\nprose\n", id="only-a-fence-ends-it"),
        pytest.param(
            f"apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: x\n{BODY}*** End Patch\nEOF\n",
            id="shell",
        ),
        pytest.param(
            f"*** Begin Patch\n*** Update File: x\n@@ -3,2 +3,2 @@\n{BODY}".replace("\n", "\r\n"),
            id="numbers-and-crlf",
        ),
    ],
)
def test_damage_and_wrapping_make_no_difference(text: str) -> None:
    assert parse_v4a(text) == [FilePatch("modify", "x", hunks=(Hunk(LINES),))]


def test_anchors_gather_before_the_lines_that_they_enclose() -> None:
    text = f"*** Update File: x\n@@ class A:\n@@   def f(): @@\n{BODY}@@\n{BODY}*** End of File\n"

    (file,) = parse_v4a(text)

    assert file.hunks == (Hunk(LINES, ("class A:", "def f():")), Hunk(LINES, at_end=True))


def test_a_blank_line_without_prefix_is_context_between_lines_only() -> None:
    (file,) = parse_v4a("*** Update File: x\n@@ f\n\n a\n\n+b\n\n@@\n+c\n")

    first = (Line(" ", ""), Line(" ", "a"), Line(" ", ""), Line("+", "b"))
    assert file.hunks == (Hunk(first, ("f",)), Hunk((Line("+", "c"),)))


def test_every_operation_on_files_is_read() -> None:
    text = (
        "*** Begin Patch\n*** Add File: new\n+a\n+\n\n*** Add File: empty\n"
        "*** Delete File: old\n*** Update File: from\n*** Move to: to\n@@\n+x\n"
        "*** Update File: same\n*** Move to: same\n@@\n+x\n*** End Patch\n"
        "*** Begin Patch\n*** Delete File: more\n*** End Patch\n"
    )

    added = Hunk((Line("+", "x"),))
    assert parse_v4a(text) == [
        FilePatch("create", "new", hunks=(Hunk((Line("+", "a"), Line("+", ""))),)),
        FilePatch("create", "empty"),
        FilePatch("delete", "old"),
        FilePatch("rename", "to", "from", (added,)),
        FilePatch("modify", "same", hunks=(added,)),
        FilePatch("delete", "more"),
    ]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        pytest.param(
            "*** Update File: x\n@@\n a\nlost\n+b\n",
            {"reason": "syntax", "line": 4},
            id="no-prefix",
        ),
        pytest.param(
            "*** Begin Patch\n*** Add File: x\n+a\n\n+b\n",
            {"reason": "syntax", "line": 5},
            id="blank-line-in-a-new-file",
        ),
        pytest.param(
            "*** Begin Patch\n+a\n*** End Patch\n", {"reason": "syntax", "line": 2}, id="no-file"
        ),
        pytest.param(
            "*** Update File: x\n@@ f\n\n*** End Patch\n",
            {"reason": "no_hunks", "line": 2},
            id="anchor-of-nothing",
        ),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(text: str, facts: dict[str, object]) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        parse_v4a(text)

    assert details(caught.value) == ("PATCH_INVALID", facts)


@pytest.mark.parametrize(
    "text",
    ["*** Delete File: ../x\n", "*** Update File: a\n*** Move to: ../x\n+b\n"],
    ids=["path", "target"],
)
def test_a_path_outside_is_refused(text: str) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        parse_v4a(text)

    assert details(caught.value) == ("INVALID_PATH", {"path": "../x", "rule": "segment"})


def test_the_first_line_tells_the_dialect() -> None:
    lines = ["*** Begin Patch ", "*** Add File: a", "*** Add File:", "** Begin Patch"]

    assert [starts_v4a(line) for line in lines] == [True, True, False, False]
