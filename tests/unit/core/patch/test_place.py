from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.explain import Failure
from codelab_core.patch.failures import Budget
from codelab_core.patch.model import AppliedHunk, FilePatch, Hunk, Kind, Line
from codelab_core.patch.place import place
from codelab_core.patch.search_index import Level, SearchIndex, Site
from unit.core.patch.cases import PROPERTY

KINDS: dict[str, Kind] = {" ": " ", "-": "-", "+": "+"}
MADE = AppliedHunk("x", "", "", "c1", 1)


def hunk(*rows: str, anchors: tuple[str, ...] = (), ordinal: int = 0) -> Hunk:
    lines = tuple(Line(KINDS[row[0]], row[1:]) for row in rows)
    return Hunk(lines, anchors, ordinal=ordinal)


def placed(
    text: str,
    *hunks: Hunk,
    at: Mapping[int, int] | None = None,
    repeat: AppliedHunk | None = None,
    ascending: bool = True,
) -> list[Site | Failure]:
    file = FilePatch("modify", "x", hunks=hunks, ascending=ascending)
    index = SearchIndex(text.split(), Budget())
    return place(file, index, at or {}, lambda _: repeat)


def told(outcome: Site | Failure) -> object:
    """Start of a site; reason and candidate lines of a failure."""
    if isinstance(outcome, Site):
        return outcome.start
    lines = [candidate["line"] for candidate in outcome.facts.get("candidates", ())]
    return outcome.reason, lines


def test_one_exact_place_is_the_place() -> None:
    assert placed("a b c", hunk(" b", "-c")) == [Site(1, Level.EXACT)]


def test_a_stricter_level_wins_over_any_number_of_looser_places() -> None:
    file = FilePatch("modify", "x", hunks=(hunk("-a"), hunk("-b"), hunk("-  c")))
    index = SearchIndex(["a ", "a", "  a", "b\t", "c"], Budget())

    outcome = place(file, index, {}, lambda _: None)

    assert outcome == [
        Site(1, Level.EXACT),
        Site(3, Level.BLANKS),
        Site(4, Level.INDENT, cut="  "),
    ]


def test_several_places_are_refused_with_their_lines() -> None:
    """R-15."""
    assert [told(outcome) for outcome in placed("x a x a x", hunk("-x"))] == [
        ("ambiguous", [1, 3, 5])
    ]


def test_no_place_is_refused() -> None:
    assert [told(outcome) for outcome in placed("a b", hunk("-c"))] == [("not_found", [])]


def test_places_inside_the_anchor_come_first() -> None:
    text = "x f x g x"
    file = FilePatch("modify", "x", hunks=(hunk("-x", anchors=("g",)), hunk("-x", anchors=("f",))))
    indented = [line if line in {"f", "g"} else f"  {line}" for line in text.split()]

    outcome = place(file, SearchIndex(indented, Budget()), {}, lambda _: None)

    shifted = [Site(4, Level.INDENT, added="  "), Site(2, Level.INDENT, added="  ")]
    assert outcome == shifted


@pytest.mark.parametrize(
    "anchors", [("h",), ("x",), ("f",)], ids=["unknown", "not-single", "encloses-no-place"]
)
def test_an_anchor_that_does_not_help_changes_nothing(anchors: tuple[str, ...]) -> None:
    outcome = placed("x x f", hunk("-x", anchors=anchors))

    assert [told(failure) for failure in outcome] == [("ambiguous", [1, 2])]


def test_a_lone_copy_before_its_anchor_is_not_the_one_that_is_meant() -> None:
    """The copy behind the anchor was changed, or never was."""
    before, behind = hunk("-x", anchors=("f",)), hunk("-x", anchors=("g",))

    assert [told(outcome) for outcome in placed("x f", before)] == [("not_found", [])]
    assert [told(outcome) for outcome in placed("g x", behind)] == [1]
    assert [told(outcome) for outcome in placed("x f", before, at={0: 1})] == [("not_found", [])]


def test_a_hunk_may_hold_its_own_anchor() -> None:
    assert [told(outcome) for outcome in placed("a f x", hunk(" a", " f", anchors=("f",)))] == [0]


def test_places_between_placed_neighbours_come_next() -> None:
    outcome = placed("x 1 x 2 x", hunk("-1"), hunk("-x"), hunk("-2"))

    assert [told(site) for site in outcome] == [1, 2, 3]


@pytest.mark.parametrize(
    ("hunks", "expected"),
    [
        pytest.param([hunk("-2"), hunk("-x"), hunk("-1")], ("ambiguous", [1, 3, 5]), id="falling"),
        pytest.param([hunk("-1"), hunk("-x")], ("ambiguous", [3, 5]), id="two-left"),
        pytest.param([hunk("-x"), hunk("-1")], 0, id="before-the-first"),
        pytest.param([hunk("-x"), hunk("-y")], ("ambiguous", [1, 3, 5]), id="no-neighbour"),
        pytest.param([hunk(" 1"), hunk("-x"), hunk("-1")], ("ambiguous", [1, 3, 5]), id="equal"),
    ],
)
def test_neighbours_help_only_in_their_order(hunks: list[Hunk], expected: object) -> None:
    outcome = placed("x 1 x 2 x", *hunks)

    ambiguous = next(at for at, each in enumerate(hunks) if each.old == ["x"])
    assert told(outcome[ambiguous]) == expected


def test_a_place_that_begins_where_its_neighbour_does_is_not_between() -> None:
    outcome = placed("x 1 x 2 x", hunk(" x", "-1"), hunk("-x"))

    assert told(outcome[1]) == ("ambiguous", [3, 5])


def test_a_refused_hunk_is_no_neighbour() -> None:
    outcome = placed("x 1 x f x", hunk("-1", anchors=("f",)), hunk("-x"))

    assert [told(each) for each in outcome] == [("not_found", []), ("ambiguous", [1, 3, 5])]


def test_hunks_that_claim_no_order_have_no_neighbours() -> None:
    outcome = placed("x 1 x", hunk("-1"), hunk("-x"), ascending=False)

    assert told(outcome[1]) == ("ambiguous", [1, 3])


def test_neighbours_choose_among_places_inside_the_anchor() -> None:
    texts = ["f", "  x", "  1", "  x", "g", "  x"]
    file = FilePatch("modify", "x", hunks=(hunk("-  1"), hunk("-  x", anchors=("f",))))

    outcome = place(file, SearchIndex(texts, Budget()), {}, lambda _: None)

    assert [told(site) for site in outcome] == [2, 3]


def test_a_change_that_was_made_before_is_never_placed_silently() -> None:
    """R-15."""
    (outcome,) = placed("a x b", hunk("-x"), repeat=MADE)

    assert told(outcome) == ("ambiguous", [2])
    assert isinstance(outcome, Failure)
    assert outcome.facts["repeat_of"] == {"call_id": "c1", "line": 1}


def test_a_change_that_left_no_other_copy_is_named_as_made_before() -> None:
    (outcome,) = placed("a b", hunk("-x"), repeat=MADE)

    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.facts["repeat_of"]) == (
        "not_found",
        {"call_id": "c1", "line": 1},
    )


@pytest.mark.parametrize("repeat", [None, MADE], ids=["first", "again"])
def test_the_model_may_choose_a_reported_place(repeat: AppliedHunk | None) -> None:
    chosen = placed("x a x", hunk("-x", ordinal=4), at={4: 3}, repeat=repeat)
    other = placed("x a x", hunk("-x", ordinal=4), at={4: 2}, repeat=repeat)
    wrong = placed("x", hunk("-x", ordinal=4), at={4: 2}, repeat=repeat)

    assert chosen == [Site(2, Level.EXACT)]
    assert [told(outcome) for outcome in other] == [("ambiguous", [1, 3])]
    assert [told(outcome) for outcome in wrong] == [("ambiguous", [1])]


def test_a_place_that_is_not_reported_cannot_be_chosen() -> None:
    (outcome,) = placed("x " * 12, hunk("-x", ordinal=1), at={1: 11})

    assert told(outcome) == ("ambiguous", list(range(1, 11)))
    assert isinstance(outcome, Failure)
    assert outcome.facts["count"] == 11


def test_the_eleventh_copy_is_found_where_the_anchor_is() -> None:
    texts = [*["  x"] * 30, "f", "  x", "y"]
    file = FilePatch("modify", "x", hunks=(hunk("-  x", anchors=("f",)),))

    outcome = place(file, SearchIndex(texts, Budget()), {}, lambda _: None)

    assert outcome == [Site(31, Level.EXACT)]


@PROPERTY
@given(
    st.lists(st.sampled_from("ab"), max_size=12),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=4),
)
def test_without_help_a_place_is_given_only_if_there_is_one(
    texts: list[str], wanted: list[str]
) -> None:
    """R-15."""
    (outcome,) = placed(" ".join(texts), hunk(*(f"-{text}" for text in wanted)))

    starts = [at for at in range(len(texts)) if texts[at : at + len(wanted)] == wanted]
    assert (told(outcome) in starts) == (len(starts) == 1)
