from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.failures import Budget
from codelab_core.patch.model import Hunk, Line
from codelab_core.patch.search_index import Level, SearchIndex, Site, indent_of
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import PROPERTY


def block(*texts: str, at_start: bool = False, at_end: bool = False) -> Hunk:
    return Hunk(tuple(Line("-", text) for text in texts), at_start=at_start, at_end=at_end)


def sites(texts: list[str], hunk: Hunk, level: Level, window: range | None = None) -> list[Site]:
    window = range(len(texts) + 1) if window is None else window
    return list(SearchIndex(texts, Budget()).sites(hunk, level, window))


def naive(texts: list[str], wanted: list[str]) -> Iterator[int]:
    for start in range(len(texts) - len(wanted) + 1):
        if texts[start : start + len(wanted)] == wanted:
            yield start


LETTERS = st.lists(st.sampled_from(["a", "b", " a", "a ", ""]), max_size=25)


@PROPERTY
@given(LETTERS, st.lists(st.sampled_from(["a", "b", " a", ""]), max_size=4))
def test_it_finds_every_place_and_no_other(texts: list[str], wanted: list[str]) -> None:
    """R-15."""
    hunk = block(*wanted)

    exact = sites(texts, hunk, Level.EXACT)
    blanks = sites(texts, hunk, Level.BLANKS)

    assert exact == [Site(start, Level.EXACT) for start in naive(texts, wanted)]
    stripped = [text.rstrip() for text in texts]
    assert blanks == [Site(start, Level.BLANKS) for start in naive(stripped, wanted)]


INDENTS = st.sampled_from(["", " ", "  ", "\t", "   "])
SHIFTS = st.sampled_from(["  ", "\t", "    "])


@PROPERTY
@given(st.lists(st.tuples(INDENTS, st.sampled_from("ab")), min_size=3, max_size=12), SHIFTS)
def test_a_shifted_block_is_found_with_its_shift(lines: list[tuple[str, str]], shift: str) -> None:
    plain = [indent + text for indent, text in lines]
    shifted = [shift + text for text in plain]

    deeper = sites(shifted, block(*plain[2:5]), Level.INDENT)
    higher = sites(plain, block(*shifted[2:5]), Level.INDENT)

    assert Site(2, Level.INDENT, added=shift) in deeper
    assert Site(2, Level.INDENT, cut=shift) in higher
    for site in deeper:
        there = shifted[site.start :]
        assert [site.shifted(text) for text in plain[2:5]] == there[: len(plain[2:5])]


@pytest.mark.parametrize(
    ("texts", "wanted", "expected"),
    [
        pytest.param(
            ["  a", "    b"], ["a", "  b"], [Site(0, Level.INDENT, added="  ")], id="deeper"
        ),
        pytest.param(
            ["a", "  b"], ["\ta", "\t  b"], [Site(0, Level.INDENT, cut="\t")], id="higher"
        ),
        pytest.param(
            ["  a", "", "  b "],
            ["a", "  ", "b"],
            [Site(0, Level.INDENT, added="  ")],
            id="blank-lines-shift-not",
        ),
        pytest.param(["  a", "   b"], ["a", "b"], [], id="not-uniform"),
        pytest.param(["a", "b"], [" a", "  b"], [], id="not-uniform-the-other-way"),
        pytest.param(["\ta"], ["  a"], [], id="tabs-are-no-spaces"),
        pytest.param(["  a", "b"], ["a", " b"], [], id="one-up-one-down"),
        pytest.param(["", " "], ["", ""], [], id="nothing-but-blanks"),
    ],
)
def test_only_one_shift_for_all_lines_counts(
    texts: list[str], wanted: list[str], expected: list[Site]
) -> None:
    assert sites(texts, block(*wanted), Level.INDENT) == expected


def test_a_new_line_is_shifted_with_the_old_ones() -> None:
    deeper, higher = Site(0, Level.INDENT, added="  "), Site(0, Level.INDENT, cut="  ")

    assert [deeper.shifted(text) for text in ("a", " b", "", " ")] == ["  a", "   b", "", " "]
    assert [higher.shifted(text) for text in ("  a", "   b", "", "c")] == ["a", " b", "", None]


def test_only_places_in_the_window_and_at_the_border_count() -> None:
    texts = ["a", "b", "a", "b", "a"]

    starts = [
        [site.start for site in sites(texts, hunk, Level.EXACT, window)]
        for hunk, window in (
            (block("a"), range(1, 4)),
            (block("a", at_start=True), range(6)),
            (block("a", at_end=True), range(6)),
            (block("b", at_end=True), range(6)),
            (block(at_start=True, at_end=True), range(6)),
        )
    ]

    assert starts == [[2], [0], [4], [], []]


def test_a_block_of_nothing_stands_everywhere() -> None:
    assert [site.start for site in sites(["a", "b"], block(), Level.EXACT)] == [0, 1, 2]
    assert sites([], block(), Level.EXACT) == [Site(0, Level.EXACT)]


def test_the_rarest_line_is_looked_up_and_paid_for() -> None:
    budget = Budget()
    index = SearchIndex(["x"] * 1_000 + ["needle"] + ["x"] * 1_000, budget)

    found = list(index.sites(block("x", "x", "needle", "x"), Level.EXACT, range(3_000)))

    assert found == [Site(998, Level.EXACT)]
    assert budget.spent == 8 * 2_001 + 64


def test_a_search_beyond_the_budget_is_refused() -> None:
    index = SearchIndex(["x", "y"] * 100, Budget(8 * 200 + 64 * 99))

    with pytest.raises(ToolError) as caught:
        list(index.sites(block("y", "y"), Level.EXACT, range(201)))

    assert caught.value.details["reason"] == "too_complex"


def test_a_level_that_makes_no_difference_costs_nothing() -> None:
    budget = Budget()
    index = SearchIndex(["a", "  b", "c "], budget)

    exact, blanks, indent = (index.level(level) for level in Level)
    plain = SearchIndex(["a", "b"], budget)
    alike = [plain.level(level) for level in Level]

    assert [exact.count("c "), blanks.count("c"), indent.count("b")] == [1, 1, 1]
    assert len({id(level) for level in alike}) == 1
    assert budget.spent == 8 * (3 * 3 + 2)


def test_a_single_line_is_found_only_if_it_is_single() -> None:
    index = SearchIndex(["class A:", "  def f():", "class B:", "  def f():"], Budget())

    assert index.single(" class B: ", range(4)) == 2
    assert index.single("def f():", range(4)) is None
    assert index.single("def f():", range(2, 4)) == 3
    assert index.single("def g():", range(4)) is None


def test_the_levels_have_names_on_the_wire() -> None:
    assert [level.wire for level in Level] == ["exact", "blanks", "indent"]


def test_the_indent_is_blanks_and_tabs() -> None:
    assert [indent_of(text) for text in ("a", " \ta ", "  ", "\u00a0a")] == ["", " \t", "  ", ""]
