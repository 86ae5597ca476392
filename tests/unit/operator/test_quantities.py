"""Tests of the one form of a quantity."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.quantities import amount, canonical

FORMS = [
    ("0", "0"),
    ("0.0", "0"),
    ("0Mi", "0"),
    ("0e3", "0"),
    (2, "2"),
    ("1000m", "1"),
    ("0.5", "500m"),
    ("500m", "500m"),
    ("1.5", "1500m"),
    ("0.001", "1m"),
    ("0.1m", "100u"),
    ("1000", "1k"),
    ("1024", "1024"),
    ("1500k", "1500k"),
    ("1000M", "1G"),
    ("128Mi", "128Mi"),
    ("1024Mi", "1Gi"),
    ("1.5Gi", "1536Mi"),
    ("0.5Gi", "512Mi"),
    ("1025Ki", "1025Ki"),
    ("0.5Ki", "512"),
    ("1000Ki", "1000Ki"),
    ("1e3", "1e3"),
    ("12e2", "1200"),
    ("1E6", "1e6"),
    ("1e+3", "1e3"),
    ("1E", "1E"),
]


@pytest.mark.parametrize(("given_form", "stored"), FORMS)
def test_a_quantity_has_the_form_in_which_it_is_stored(given_form: str | int, stored: str) -> None:
    """`apimachinery/pkg/api/resource`: `Quantity.String` of what was parsed."""
    assert canonical(given_form) == stored


@pytest.mark.parametrize("text", ["", "m", "-1", "1..2", "1 Gi", "1KiB", "1e", "NaN", "0x1"])
def test_other_text_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        canonical(text)


SUFFIXES = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E9"]


@given(
    st.decimals(min_value=0, max_value=10**12, places=3),
    st.sampled_from(SUFFIXES),
)
@settings(max_examples=200)
def test_the_form_changes_no_amount_and_is_its_own(number: object, suffix: str) -> None:
    text = f"{number:f}{suffix}"

    form = canonical(text)

    assert amount(form) == amount(text)
    assert canonical(form) == form


@pytest.mark.parametrize("stored", sorted({stored for _, stored in FORMS}))
def test_what_is_stored_can_be_read_again(stored: str) -> None:
    assert canonical(stored) == stored


def test_an_amount_is_exact() -> None:
    assert amount("0.1") == Fraction(1, 10)
    assert amount("1Ei") == 2**60
