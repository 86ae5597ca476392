"""Tests of which releases an operator runs."""

import pytest

from codelab_operator.api_group import RELEASE
from codelab_operator.versions import is_at_least, is_supported, release_of


@pytest.mark.parametrize("version", ["1.5.0", "1.5.9", "1.4.2", "1.3.0", "1.5.0-rc.1"])
def test_an_operator_runs_its_own_minor_version_and_the_two_before(version: str) -> None:
    assert is_supported(version, "1.5.3")


@pytest.mark.parametrize("version", ["1.2.9", "1.6.0", "0.5.0", "2.5.0"])
def test_it_runs_no_other(version: str) -> None:
    assert not is_supported(version, "1.5.3")


def test_an_operator_runs_its_own_release() -> None:
    assert is_supported(RELEASE)


def test_a_candidate_counts_as_the_release_that_it_leads_to() -> None:
    assert release_of("1.2.3-rc.4") == (1, 2, 3)
    assert is_at_least("1.2.3-rc.4", "1.2.3")


def test_releases_are_compared_as_numbers() -> None:
    assert is_at_least("0.10.0", "0.9.0")
    assert not is_at_least("0.9.9", "0.10.0")


def test_other_text_is_no_version() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        release_of("a.b.c")
