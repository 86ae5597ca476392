import pytest

from codelab_core.patch.model import AppliedHunk, Hunk, Kind, Line
from codelab_core.patch.repeats import AppliedChanges

KINDS: dict[str, Kind] = {" ": " ", "-": "-", "+": "+"}
MADE = AppliedHunk("x", "top\na\nb\nc\nend\n", "top\na\nB\nc\nend\n", "c1", 3)


def hunk(*rows: str) -> Hunk:
    return Hunk(tuple(Line(KINDS[row[0]], row[1:]) for row in rows))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([" top", " a", "-b", "+B", " c", " end"], id="same"),
        pytest.param([" a", "-b", "+B"], id="less-context"),
        pytest.param([" zero", " top", " a", "-b", "+B", " c", " end", " more"], id="more-context"),
        pytest.param(["   a", "-  b ", "+  B"], id="other-blanks"),
        pytest.param(["-b", "+B"], id="no-context"),
        pytest.param(["-a", "-b", "+a", "+B"], id="context-taken-out-and-put-back"),
        pytest.param(["-x", "+y", " top", " a", "-b", "+B"], id="as-a-part"),
    ],
)
def test_the_same_change_is_known_with_more_or_less_around_it(rows: list[str]) -> None:
    """R-15."""
    assert AppliedChanges([MADE]).repeat_of("x", hunk(*rows)) == MADE


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([" z", "-b", "+B", " c"], id="other-line-before"),
        pytest.param([" a", "-b", "+B", " d"], id="other-line-after"),
        pytest.param([" a", "-b", "+C", " c"], id="other-new-line"),
        pytest.param([" a", "-c", "+B"], id="other-old-line"),
        pytest.param([" a", " b"], id="no-change"),
    ],
)
def test_the_same_change_elsewhere_is_another_change(rows: list[str]) -> None:
    assert AppliedChanges([MADE]).repeat_of("x", hunk(*rows)) is None


def test_changes_of_other_files_do_not_count() -> None:
    assert AppliedChanges([MADE]).repeat_of("y", hunk("-b", "+B")) is None


def test_the_latest_of_equal_changes_is_named() -> None:
    later = AppliedHunk("x", MADE.old, MADE.new, "c9", 30)

    assert AppliedChanges([MADE, later]).repeat_of("x", hunk("-b", "+B")) == later


def test_an_insertion_is_known_by_what_stands_around_it() -> None:
    made = AppliedHunk("x", "a\r\nb\r\n", "a\r\nnew\r\nb\r\n", "c1", 2)
    changes = AppliedChanges([made])

    assert changes.repeat_of("x", hunk(" a", "+new", " b")) == made
    assert changes.repeat_of("x", hunk(" b", "+new", " b")) is None


def test_a_block_that_ends_at_cr_is_cut_at_cr() -> None:
    made = AppliedHunk("x", "a\rb\r", "a\rB\r", "c1", 1)

    assert AppliedChanges([made]).repeat_of("x", hunk(" a", "-b", "+B")) == made
