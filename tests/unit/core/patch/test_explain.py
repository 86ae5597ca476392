import pytest

from codelab_core.patch.explain import Failure, ambiguous, not_found
from codelab_core.patch.failures import Budget
from codelab_core.patch.model import AppliedHunk, Hunk, Line
from codelab_core.patch.search_index import Level, SearchIndex, Site


def block(*texts: str) -> Hunk:
    return Hunk(tuple(Line("-", text) for text in texts))


def index(*texts: str) -> SearchIndex:
    return SearchIndex(list(texts), Budget())


def test_candidates_are_shown_by_what_stands_around_them() -> None:
    texts = index("a", "x", "y", "b", "x", "y", "c", "d" * 300)
    places = [Site(1, Level.EXACT), Site(4, Level.EXACT)]

    failure = ambiguous(places, block("x", "y"), texts, None)

    assert failure == Failure(
        "ambiguous",
        "The hunk fits in 2 places: give more context, or choose one of the candidate lines with"
        " `at`.",
        {
            "count": 2,
            "candidates": [
                {"line": 2, "before": ["a"], "after": ["b", "x"]},
                {"line": 5, "before": ["y", "b"], "after": ["c", "d" * 200 + "…"]},
            ],
        },
    )


def test_ten_candidates_are_named_and_more_are_only_hinted_at() -> None:
    places = [Site(at, Level.EXACT) for at in range(11)]

    failure = ambiguous(places, block("x"), index(*["x"] * 20), None)

    assert failure.message.startswith("The hunk fits in more than 10 places")
    assert [candidate["line"] for candidate in failure.facts["candidates"]] == list(range(1, 11))


def test_a_repetition_names_the_change_before() -> None:
    made = AppliedHunk("x", "", "", "c1", 7)

    failure = ambiguous([Site(0, Level.EXACT)], block("x"), index("x"), made)

    assert failure.facts["repeat_of"] == {"call_id": "c1", "line": 7}
    assert failure.message.startswith("This change was made before, at line 7.")


def test_a_block_that_is_not_found_is_compared_where_most_of_it_stands() -> None:
    texts = index("b", "0", "a", "b", "C", "d", "1", "2", "3", "4", "5", "6", "7")

    failure = not_found(block("a", "b", "c", "d"), texts, "No.")

    numbered = enumerate(["b", "0", "a", "b", "C", "d", "1", "2", "3", "4"], 1)
    assert failure == Failure(
        "not_found",
        "No.",
        {
            "first_differing_line": 5,
            "expected": "c",
            "actual": "C",
            "closest": [{"line": line, "text": text} for line, text in numbered],
        },
    )


@pytest.mark.parametrize(
    ("texts", "hunk", "line", "expected", "actual"),
    [
        pytest.param(("a",), block("a", "b"), 2, "b", None, id="past-the-end"),
        pytest.param(("  a", "b"), block("a", "b"), 1, "a", "  a", id="indent"),
        pytest.param(("a ", "b"), block("a", "b"), None, None, None, id="only-blanks-differ"),
        pytest.param(("x",), block("a"), None, None, None, id="nothing-alike"),
        pytest.param(("b",), block("a", "b"), None, None, None, id="not-before-the-start"),
    ],
)
def test_the_first_difference_is_named_if_there_is_one(
    texts: tuple[str, ...], hunk: Hunk, line: int | None, expected: str | None, actual: str | None
) -> None:
    facts = not_found(hunk, index(*texts), "No.").facts

    assert (facts["first_differing_line"], facts["expected"], facts["actual"]) == (
        line,
        expected,
        actual,
    )


def test_blank_lines_do_not_tell_where_a_block_stands() -> None:
    assert not_found(block("", "a"), index("", "b"), "No.").facts["closest"] == []


def test_a_block_that_is_gone_because_it_was_changed_before_says_so() -> None:
    made = AppliedHunk("x", "", "", "c1", 7)

    failure = not_found(block("a"), index("b"), "No.", made)

    assert failure.message == "No. This change was made before, at line 7."
    assert failure.facts["repeat_of"] == {"call_id": "c1", "line": 7}
