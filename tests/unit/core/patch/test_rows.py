import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.canonical import CanonicalHunk
from codelab_core.patch.edits import Edit, edited
from codelab_core.patch.rows import chosen_rows, edited_rows, edits_of_rows
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import PROPERTY, details


def hunk(*rows: str, start: int = 0) -> CanonicalHunk:
    return CanonicalHunk(start, start, rows)


HUNK = hunk(" a\n", "-b\n", "-c\n", "+B\n", "+C\n", " d\n")


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        pytest.param([1, 2, 3, 4], list(HUNK.rows), id="all"),
        pytest.param([], [" a\n", " b\n", " c\n", " d\n"], id="none"),
        pytest.param([1, 3], [" a\n", "-b\n", " c\n", "+B\n", " d\n"], id="some"),
        pytest.param([4], [" a\n", " b\n", " c\n", "+C\n", " d\n"], id="only-added"),
    ],
)
def test_a_line_that_is_not_chosen_stays_or_does_not_come(
    chosen: list[int], rows: list[str]
) -> None:
    """R-17."""
    assert chosen_rows(HUNK, chosen) == rows


@pytest.mark.parametrize("at", [0, 5, 6, -1], ids=["context", "last", "behind", "negative"])
def test_only_changed_lines_can_be_chosen(at: int) -> None:
    with pytest.raises(ToolError) as caught:
        chosen_rows(HUNK, [1, at])

    message = "A chosen line is no + or - line of its hunk."
    assert details(caught.value) == ("INVALID_ARGUMENTS", {"errors": [message]})


def test_a_last_line_without_newline_gets_one_when_something_follows() -> None:
    grown = hunk(" a\r\n", "-b", "+b\r\n", "+c")

    assert chosen_rows(grown, [3]) == [" a\r\n", "-b", "+b\r\n", "+c"]
    assert chosen_rows(grown, [1, 2]) == [" a\r\n", "-b", "+b\r\n"]
    assert chosen_rows(hunk("-b", "+c", "+d\n"), [1, 2]) == ["-b", "+b\n", "+c\n", "+d\n"]


ROWS = st.lists(
    st.tuples(st.sampled_from(" -+"), st.sampled_from("abc")).map(
        lambda row: f"{row[0]}{row[1]}\n"
    ),
    max_size=12,
)


@PROPERTY
@given(ROWS, st.data())
def test_a_choice_of_lines_equals_applying_them_by_hand(
    rows: list[str], data: st.DataObject
) -> None:
    """R-17."""
    changed = [at for at, row in enumerate(rows) if row[0] != " "]
    chosen = data.draw(st.sets(st.sampled_from(changed))) if changed else set()
    proposal = hunk(*rows, start=2)

    edits = list(edits_of_rows(proposal, chosen_rows(proposal, sorted(chosen))))

    by_hand: list[str] = []
    for at, row in enumerate(rows):
        if row[0] == " " or (row[0] == "+") == (at in chosen):
            by_hand.append(row[1:])
    old = ["top\n", "top\n", *proposal.old, "end\n"]
    assert list(edited(old, edits)) == ["top\n", "top\n", *by_hand, "end\n"]


@pytest.mark.parametrize(
    ("proposal", "text", "new"),
    [
        pytest.param(HUNK, "a\nX\nd\n", ["a\n", "X\n", "d\n"], id="replaced"),
        pytest.param(HUNK, "a\nb\nc\nd", ["a\n", "b\n", "c\n", "d\n"], id="no-newline-meant"),
        pytest.param(HUNK, "", [], id="all-gone"),
        pytest.param(hunk(" a\r\n", "+b\r\n"), "a\nc\n", ["a\r\n", "c\r\n"], id="crlf"),
        pytest.param(hunk(" a\n", "-b"), "a\nx", ["a\n", "x\n"], id="newline-of-the-proposal"),
        pytest.param(hunk("-a", "+b"), "c", ["c"], id="bare"),
        pytest.param(hunk("-a", "+b"), "a", ["a"], id="bare-as-before"),
        pytest.param(hunk("-a", "+b"), "c\n", ["c\n"], id="newline-asked-for"),
        pytest.param(hunk("-a", "+b"), "a\nc", ["a\n", "c"], id="bare-line-grows"),
        pytest.param(hunk("-a\rb\r", "+a\rc\r"), "x\ny\n", ["x\ry\r"], id="cr"),
        pytest.param(hunk("-\ufeffa\n", "+\ufeffb\n"), "c\n", ["\ufeffc\n"], id="bom-put-back"),
        pytest.param(hunk("-\ufeffa\n", "+\ufeffb\n"), "\ufeffc\n", ["\ufeffc\n"], id="bom-kept"),
        pytest.param(hunk("+a\n"), "b\n", ["b\n"], id="new-file"),
        pytest.param(hunk("-a\n"), "b\n", ["b\n"], id="file-that-would-go"),
    ],
)
def test_a_person_may_write_the_new_side(
    proposal: CanonicalHunk, text: str, new: list[str]
) -> None:
    """R-17."""
    rows = edited_rows(proposal, text)

    assert [row[1:] for row in rows if row[0] != "-"] == new
    assert tuple(row[1:] for row in rows if row[0] != "+") == proposal.old


def test_lines_that_a_person_leaves_keep_their_bytes() -> None:
    mixed = hunk(" a\r\n", "-b\n", "+B\n", " c\n")

    assert edited_rows(mixed, "a\nb\nx\nc\n") == [" a\r\n", " b\n", "+x\r\n", " c\n"]


def test_rows_become_edits_at_their_place() -> None:
    assert list(edits_of_rows(hunk(*HUNK.rows, "+e\n", start=4), [*HUNK.rows, "+e\n"])) == [
        Edit(5, 7, ("B\n", "C\n")),
        Edit(8, 8, ("e\n",)),
    ]
