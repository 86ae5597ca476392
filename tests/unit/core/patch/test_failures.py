import pytest

from codelab_core.patch.failures import (
    COMPARISONS_MAX,
    Budget,
    check_utf8,
    checked_path,
    failed,
    invalid,
    stale_base,
    syntax,
    within,
)
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import details


def test_a_patch_that_cannot_be_read_says_why_and_where() -> None:
    assert details(invalid("unsupported", "No.", path="a")) == (
        "PATCH_INVALID",
        {"reason": "unsupported", "path": "a"},
    )
    assert details(syntax(7, "no prefix.")) == ("PATCH_INVALID", {"reason": "syntax", "line": 7})
    assert str(syntax(7, "no prefix.")) == "PATCH_INVALID: Line 7 of the patch: no prefix."


def test_a_patch_that_does_not_fit_carries_the_facts() -> None:
    error = failed("overlap", "Two.", {"path": "a", "hunk": 2})

    assert details(error) == ("PATCH_APPLY_FAILED", {"reason": "overlap", "path": "a", "hunk": 2})


def test_a_stale_base_is_a_conflict_with_both_hashes() -> None:
    facts = {"class": "stale_base", "path": "a", "expected_sha": "absent", "actual_sha": "00"}

    assert details(stale_base("a", "absent", "00")) == ("CONFLICT", facts)


def test_a_bound_holds_at_the_limit_and_breaks_above_it() -> None:
    within("files", 200, 200)

    with pytest.raises(ToolError) as caught:
        within("files", 201, 200, path="a")

    facts = {"reason": "too_large", "what": "files", "limit": 200, "actual": 201, "path": "a"}
    assert details(caught.value) == ("PATCH_INVALID", facts)


def test_the_budget_of_comparisons_ends_above_its_limit() -> None:
    budget = Budget()
    budget.spend(COMPARISONS_MAX - 1)
    budget.spend(1)

    with pytest.raises(ToolError) as caught:
        budget.spend(1)

    code, facts = details(caught.value)
    assert (code, facts["reason"]) == ("PATCH_INVALID", "too_complex")
    assert (facts["limit"], facts["actual"]) == (50_000_000, 50_000_001)


def test_text_that_is_no_utf_8_is_named_by_its_line() -> None:
    check_utf8("é\n")

    with pytest.raises(ToolError) as caught:
        check_utf8("a\nb\ud800\n")

    assert details(caught.value) == ("PATCH_INVALID", {"reason": "syntax", "line": 2})


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        pytest.param("../a", "segment", id="parent"),
        pytest.param("/etc/passwd", "absolute", id="absolute"),
        pytest.param("a/.git/config", "reserved", id="git"),
        pytest.param("a\x07", "control", id="control"),
        pytest.param("", "empty", id="empty"),
    ],
)
def test_a_path_that_no_tool_may_name_is_refused(path: str, rule: str) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        checked_path(path)

    assert details(caught.value) == ("INVALID_PATH", {"path": path, "rule": rule})


def test_a_path_comes_out_as_it_went_in_but_not_endlessly_in_errors() -> None:
    assert checked_path("src/a b.py") == "src/a b.py"

    with pytest.raises(ToolError) as caught:
        checked_path("x" * 5_000)

    assert caught.value.details == {"path": "x" * 1_024, "rule": "too_long"}
