import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.align import aligned, changes, common_head
from unit.core.patch.cases import PROPERTY

LINES = st.lists(st.sampled_from("abcdefgh"), max_size=14)


@PROPERTY
@given(LINES, LINES)
def test_aligned_lines_are_equal_and_rise_on_both_sides(old: list[str], new: list[str]) -> None:
    pairs = aligned(old, new)

    assert all(old[first] == new[second] for first, second in pairs)
    assert pairs == sorted(set(pairs))
    assert [second for _, second in pairs] == sorted({second for _, second in pairs})
    assert len({first for first, _ in pairs}) == len(pairs)


@PROPERTY
@given(LINES, LINES)
def test_replacing_the_changes_turns_old_into_new(old: list[str], new: list[str]) -> None:
    """R-16."""
    made = list(old)

    for start, end, new_start, new_end in reversed(list(changes(old, new))):
        made[start:end] = new[new_start:new_end]

    assert made == new


@pytest.mark.parametrize(
    ("old", "new", "spans"),
    [
        pytest.param("", "", [], id="nothing"),
        pytest.param("abc", "abc", [], id="equal"),
        pytest.param("abc", "aXc", [(1, 2, 1, 2)], id="one-line"),
        pytest.param("abcde", "aXcYe", [(1, 2, 1, 2), (3, 4, 3, 4)], id="kept-line-between"),
        pytest.param("xabcdey", "xcdaby", [(1, 3, 1, 1), (5, 6, 3, 5)], id="moved-block"),
        pytest.param("aab", "aaab", [(2, 2, 2, 3)], id="repeated-line"),
        pytest.param("zaXXbz", "zaYbz", [(2, 4, 2, 3)], id="between-anchors"),
        pytest.param("ABp", "XAYBZ", [(0, 0, 0, 1), (1, 1, 2, 3), (2, 3, 4, 5)], id="two-anchors"),
    ],
)
def test_unchanged_lines_between_changes_are_kept(
    old: str, new: str, spans: list[tuple[int, int, int, int]]
) -> None:
    assert list(changes(old, new)) == spans


def test_a_text_of_equal_lines_is_no_burden() -> None:
    old, new = ["x"] * 50_000, ["x"] * 50_001

    assert list(changes(old, new)) == [(50_000, 50_000, 50_000, 50_001)]


def test_it_keeps_about_as_much_as_a_thorough_search() -> None:
    old = [f"line {n}" for n in range(200)]
    new = [line for n, line in enumerate(old) if n % 7] + ["tail"]

    kept = len(aligned(old, new))

    thorough = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    assert kept == sum(block.size for block in thorough)


def test_the_common_head_ends_at_the_first_difference() -> None:
    assert common_head("abc", "abx") == 2
    assert common_head("ab", "abx") == 2
    assert common_head("", "x") == 0
