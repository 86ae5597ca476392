import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.edits import Edit, Run, as_git_lines, edited, merged, runs_of, with_ends
from codelab_core.patch.model import BARE, TERMINATED, Hunk, Kind, Line
from codelab_core.patch.search_index import Level, Site
from codelab_core.patch.text import TextFile
from unit.core.patch.cases import PROPERTY, Change, changed, changes_of

KINDS: dict[str, Kind] = {" ": " ", "-": "-", "+": "+"}
TOP = Site(0, Level.EXACT)


def lines(*rows: str) -> tuple[Line, ...]:
    return tuple(Line(KINDS[row[0]], row[1:]) for row in rows)


def run(start: int, end: int, *new: str, level: Level = Level.EXACT) -> Run:
    return Run(start, end, lines(*(f"+{text}" for text in new)), level)


@pytest.mark.parametrize(
    ("rows", "runs"),
    [
        pytest.param([" a", "-b", "+B", " c", "+d"], [run(1, 2, "B"), run(3, 3, "d")], id="two"),
        pytest.param(["-a", "-b", "+a", "+B"], [run(1, 2, "B")], id="kept-at-the-head"),
        pytest.param(["-a", "-b", "+A", "+b"], [run(0, 1, "A")], id="kept-at-the-tail"),
        pytest.param(["-a", "-b", "-c", "+a", "+c"], [run(1, 2)], id="taken-out-between"),
        pytest.param(["-a", "+a"], [], id="no-change"),
        pytest.param([" a"], [], id="context"),
        pytest.param(["+b", "-a", "+c"], [run(0, 1, "b", "c")], id="any-order-of-prefixes"),
    ],
)
def test_a_hunk_touches_only_what_it_changes(rows: list[str], runs: list[Run]) -> None:
    assert runs_of(Hunk(lines(*rows)), TOP) == runs


def test_a_line_that_only_loses_its_newline_is_changed() -> None:
    hunk = Hunk((Line("-", "a", TERMINATED), Line("+", "a", BARE)))

    assert runs_of(hunk, TOP) == [Run(0, 1, (Line("+", "a", BARE),), Level.EXACT)]


def test_new_lines_are_shifted_with_the_old_ones_or_not_at_all() -> None:
    hunk = Hunk(lines("-a", "+b", "+", "+  c"))

    deeper = runs_of(hunk, Site(4, Level.INDENT, added="  "))
    higher = runs_of(hunk, Site(4, Level.INDENT, cut="  "))

    assert deeper == [run(4, 5, "  b", "", "    c", level=Level.INDENT)]
    assert higher is None


@pytest.mark.parametrize(
    ("content", "changes", "after"),
    [
        pytest.param("a\r\nb\r\n", [run(1, 2, "B", "C")], "a\r\nB\r\nC\r\n", id="crlf"),
        pytest.param("a\nb\r\nc\r\n", [run(1, 1, "n")], "a\nn\nb\r\nc\r\n", id="line-before"),
        pytest.param("a\nb\r\nc\r\n", [run(0, 0, "n")], "n\r\na\nb\r\nc\r\n", id="usual-if-first"),
        pytest.param("a\rb\r", [run(1, 1, "n")], "a\rn\rb\r", id="cr"),
        pytest.param("a\nb", [run(1, 2, "c")], "a\nc", id="missing-newline-kept"),
        pytest.param("a\nb", [run(2, 2, "c")], "a\nb\nc", id="missing-newline-moves"),
        pytest.param("a\nb", [run(1, 2)], "a\n", id="newline-of-an-untouched-line-kept"),
        pytest.param("a\n", [run(1, 1, "b")], "a\nb\n", id="newline-kept"),
        pytest.param("", [run(0, 0, "a")], "a\n", id="empty-file"),
        pytest.param("a", [run(0, 1)], "", id="all-gone"),
        pytest.param("a\nb\nc\n", [run(0, 1, "A"), run(2, 3)], "A\nb\n", id="two-runs"),
        pytest.param("a\nb\r", [run(2, 2, "c")], "a\nb\r\nc", id="a-lone-cr-is-no-end"),
        pytest.param("a\rb", [run(2, 2, "c")], "a\rb\rc", id="cr-without-the-last"),
    ],
)
def test_added_lines_end_as_their_surroundings_do(
    content: str, changes: list[Run], after: str
) -> None:
    """R-16."""
    file = TextFile.from_text(content, bom=False)

    old, edits = as_git_lines(file, with_ends(file, changes), bom=False)

    assert "".join(edited(old, edits)) == after


@pytest.mark.parametrize(
    ("end", "after"),
    [
        pytest.param(None, "a\nc", id="nothing-said"),
        pytest.param(BARE, "a\nc", id="bare"),
        pytest.param(TERMINATED, "a\nc\n", id="terminated"),
        pytest.param("\r\n", "a\nc\r\n", id="crlf"),
    ],
)
def test_the_patch_may_say_how_the_last_line_ends(end: str | None, after: str) -> None:
    file = TextFile.from_text("a\nb", bom=False)

    edits = with_ends(file, [Run(1, 2, (Line("+", "c", end),), Level.EXACT)])

    assert "".join(edited(file.lines, edits)) == after


def test_a_line_within_the_file_is_never_bare() -> None:
    file = TextFile.from_text("a\nb\n", bom=False)

    edits = with_ends(file, [Run(0, 1, (Line("+", "c", BARE),), Level.EXACT)])

    assert edits == [Edit(0, 1, ("c\n",))]


@PROPERTY
@given(st.data())
def test_git_lines_make_the_same_text(data: st.DataObject) -> None:
    """R-16."""
    bom, new_bom = data.draw(st.booleans()), data.draw(st.booleans())
    last = data.draw(st.sampled_from(["", "\n", "\r\n", "\r"]))
    count = data.draw(st.integers(0, 8))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    texts = [f"line {at}" for at in range(count)]
    file = TextFile.from_text(end.join(texts) + (last if texts else ""), bom=bom)
    wanted = data.draw(changes_of(len(file.lines)))
    runs = [run(change.start, change.end, *change.new) for change in wanted]
    plain = with_ends(file, runs)

    old, edits = as_git_lines(file, plain, bom=new_bom)

    new = TextFile.from_bytes("".join(edited(old, edits)).encode())
    assert "".join(old) == file.raw_text
    assert new.bom == new_bom
    assert new.texts() == changed(file.texts(), wanted) or last == "\r" != end
    assert merged(old, edits) == edits


def test_edits_that_touch_are_one_and_equal_lines_fall_off_its_ends() -> None:
    old = ["a\n", "b\n", "c\n", "d\n"]
    edits = [
        Edit(0, 1, ("a\n",)),
        Edit(1, 2, ("B\n",), Level.BLANKS),
        Edit(2, 2, ("n\n",), Level.INDENT),
        Edit(3, 4, ("e\n", "d\n")),
    ]

    assert merged(old, edits) == [
        Edit(1, 2, ("B\n", "n\n"), Level.INDENT),
        Edit(3, 3, ("e\n",)),
    ]


@pytest.mark.parametrize(
    ("content", "changes", "bom", "after"),
    [
        pytest.param("a\nb\n", [Change(0, 1, ())], True, "\ufeffb\n", id="first-line-gone"),
        pytest.param("a\nb\n", [Change(0, 2, ())], True, "\ufeff", id="all-lines-gone"),
        pytest.param("a\n", [Change(0, 1, ())], False, "", id="all-gone"),
        pytest.param(
            "a\nb\n",
            [Change(0, 1, ()), Change(1, 1, ("n",))],
            True,
            "\ufeffn\nb\n",
            id="next-edit-taken-in",
        ),
        pytest.param("a\nb\n", [], False, "a\nb\n", id="only-the-mark-dropped"),
        pytest.param("a", [Change(1, 1, ("b",))], True, "\ufeffa\nb", id="bare-line-grows"),
        pytest.param("", [Change(0, 0, ("b",))], True, "\ufeffb\n", id="nothing-but-the-mark"),
        pytest.param("a\nb\n", [Change(1, 2, ("c",))], True, "\ufeffa\nc\n", id="far-from-it"),
    ],
)
def test_the_byte_order_mark_goes_with_the_first_line(
    content: str, changes: list[Change], *, bom: bool, after: str
) -> None:
    file = TextFile.from_text(content, bom=True)
    runs = [run(change.start, change.end, *change.new) for change in changes]

    old, edits = as_git_lines(file, with_ends(file, runs), bom=bom)

    assert "".join(edited(old, edits)) == after
