import pytest

from codelab_core.patch.bodies import build_hunk, read_rows
from codelab_core.patch.model import BARE, TERMINATED, Hunk, Line
from codelab_core.patch.reader import Reader
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import details

NO_NEWLINE = "\\ No newline at end of file"


@pytest.mark.parametrize(
    ("text", "counts", "taken"),
    [
        pytest.param(" a\n-b\n+c\n", (2, 2), 3, id="right-counts"),
        pytest.param(" a\n-b\n+c\n", (7, 1), 3, id="wrong-counts"),
        pytest.param(" a\n-b\n+c\n", (1, 1), 3, id="counts-too-low"),
        pytest.param(" a\n-b\n+c\n", None, 3, id="no-counts"),
        pytest.param(" a\n-b\n+c\n@@\n", None, 3, id="next-hunk"),
        pytest.param(" a\n-b\n+c\ndiff --git a/x b/x\n", None, 3, id="next-git-file"),
        pytest.param(" a\n-b\n+c\n--- a/x\n+++ b/x\n@@\n", (3, 3), 3, id="next-file"),
        pytest.param(" a\n-b\n+c\n--- /dev/null\n+++ b/x\n@@\n", None, 3, id="next-new-file"),
        pytest.param(" a\n--- x\n+++ y\n@@\n", None, 3, id="lines-that-only-look-like-names"),
        pytest.param(' a\n--- "x\n+++ y\n@@\n', None, 3, id="nor-do-damaged-ones-count"),
        pytest.param(" a\n--- x\n+++ x\n", (2, 2), 3, id="nor-without-a-hunk"),
        pytest.param(" a\n-b\n+c\n-- \n2.39.5\n", (2, 2), 3, id="signature-of-git"),
        pytest.param(" a\n-b\n+c\n-- \n", None, 4, id="no-signature"),
        pytest.param(" a\n\n-b\n", None, 3, id="blank-context"),
        pytest.param(" a\n-b\n\n\n@@\n", None, 2, id="blank-lines-that-set-apart"),
        pytest.param(" a\n-b\n\n\n", (3, 2), 3, id="blank-context-at-the-end-by-counts"),
        pytest.param(" a\n-b\n\n+c\n", (2, 1), 4, id="counts-that-end-too-early"),
        pytest.param(f" a\n-b\n{NO_NEWLINE}\n+c\n{NO_NEWLINE}\n", (2, 2), 5, id="markers"),
        pytest.param(f"-b\n{NO_NEWLINE}\n+c\n", None, 3, id="marker-without-counts"),
        pytest.param(" a\n-b\nprose\n", (2, 1), 2, id="prose-behind-right-counts"),
        pytest.param(" a\n-b\n\nprose\n", None, 2, id="prose-after-a-blank-line"),
        pytest.param(" a\r\n-b\r\n", (2, 1), 2, id="crlf"),
        pytest.param("", (0, 0), 0, id="nothing"),
    ],
)
def test_a_hunk_ends_where_it_ends_whatever_its_head_counts(
    text: str, counts: tuple[int, int] | None, taken: int
) -> None:
    """R-15."""
    reader = Reader(text)

    assert len(read_rows(reader, counts)) == taken
    assert reader.number == taken + 1


def test_a_hunk_ends_with_the_fence_around_it() -> None:
    reader = Reader("```\n a\n-b\n```\n- bullet\n")
    reader.take_prose()

    assert read_rows(reader, None) == [" a", "-b"]


@pytest.mark.parametrize(
    ("text", "counts", "line"),
    [
        pytest.param(" a\nlost\n+c\n", None, 2, id="between"),
        pytest.param(" a\nlost\n+c\n", (2, 2), 2, id="between-with-counts"),
        pytest.param(" a\n-b\nlost\n", None, 3, id="at-the-end"),
        pytest.param("-b\n a\nlost\n", (1, 1), 3, id="behind-counts-that-do-not-add-up"),
        pytest.param("lost\n", None, 1, id="at-the-start"),
        pytest.param(" a\n\tlost\n", (3, 3), 2, id="tab"),
        pytest.param(" a\n\\begin\n", None, 2, id="backslash"),
    ],
)
def test_a_row_without_prefix_is_never_dropped(
    text: str, counts: tuple[int, int] | None, line: int
) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        read_rows(Reader(text), counts)

    assert details(caught.value) == ("PATCH_INVALID", {"reason": "syntax", "line": line})


def test_inside_a_fence_nothing_is_prose() -> None:
    reader = Reader("```\n a\n\nlost\n```\n")
    reader.take_prose()

    with pytest.raises(ToolError) as caught:
        read_rows(reader, None)

    assert caught.value.details["line"] == 4


@pytest.mark.parametrize(
    ("rows", "hunk"),
    [
        pytest.param(
            [" a", "-b", "+c", ""],
            Hunk((Line(" ", "a"), Line("-", "b"), Line("+", "c"), Line(" ", ""))),
            id="plain",
        ),
        pytest.param([" a\r", "+b\r"], Hunk((Line(" ", "a"), Line("+", "b"))), id="cr-dropped"),
        pytest.param(
            ["-b", NO_NEWLINE, "+c", NO_NEWLINE],
            Hunk((Line("-", "b", BARE), Line("+", "c", BARE)), at_end=True),
            id="bare-on-both-sides",
        ),
        pytest.param(
            ["-b", NO_NEWLINE, "+c"],
            Hunk((Line("-", "b", BARE), Line("+", "c", TERMINATED)), at_end=True),
            id="newline-added",
        ),
        pytest.param(
            ["-b", "+c", NO_NEWLINE],
            Hunk((Line("-", "b", TERMINATED), Line("+", "c", BARE))),
            id="newline-taken-away",
        ),
        pytest.param(
            [" b", NO_NEWLINE], Hunk((Line(" ", "b", BARE),), at_end=True), id="bare-context"
        ),
        pytest.param(["+b", NO_NEWLINE], Hunk((Line("+", "b", BARE),)), id="bare-new-file"),
        pytest.param(
            ["-\ufeffa", "+\ufeffb"],
            Hunk((Line("-", "a"), Line("+", "b")), at_start=True),
            id="bom-kept",
        ),
        pytest.param(
            ["-\ufeffa", "+a"],
            Hunk((Line("-", "a"), Line("+", "a")), at_start=True, bom=False),
            id="bom-dropped",
        ),
        pytest.param(
            ["-a", "+\ufeffa"],
            Hunk((Line("-", "a"), Line("+", "a")), at_start=True, bom=True),
            id="bom-added",
        ),
        pytest.param(
            [" \ufeffa", "+b"],
            Hunk((Line(" ", "a"), Line("+", "b")), at_start=True),
            id="bom-in-context",
        ),
        pytest.param(
            ["-\ufeff", NO_NEWLINE, "+\ufeffb"],
            Hunk((Line("+", "b", TERMINATED),), at_start=True, at_end=True),
            id="nothing-but-a-bom-before",
        ),
        pytest.param(
            ["-\ufeff", "+\ufeffb"],
            Hunk((Line("-", ""), Line("+", "b")), at_start=True),
            id="bom-and-an-empty-line-before",
        ),
        pytest.param([" a", "+\ufeffb"], Hunk((Line(" ", "a"), Line("+", "\ufeffb"))), id="no-bom"),
        pytest.param([], Hunk(()), id="nothing"),
    ],
)
def test_rows_say_what_they_say(rows: list[str], hunk: Hunk) -> None:
    assert build_hunk(rows, 1, ends_told=False) == hunk


def test_line_ends_are_kept_where_lf_and_crlf_are_told_apart() -> None:
    rows = [" a\r", "-b\r", "+b", "+c", NO_NEWLINE]

    lines = build_hunk(rows, 1, ends_told=True).lines

    assert [line.end for line in lines] == ["\r\n", "\r\n", "\n", BARE]


def test_a_marker_needs_a_line_before_it() -> None:
    with pytest.raises(ToolError) as caught:
        build_hunk([NO_NEWLINE, " a"], 5, ends_told=False)

    assert details(caught.value) == ("PATCH_INVALID", {"reason": "syntax", "line": 5})
