from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from codelab_operator.quantities import amount, canonical


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("0.5", "500m"),
        ("1.0", "1"),
        ("2", "2"),
        pytest.param(2, "2", id="a-number"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1000", "1k"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("0.001Ki", "1024m"),
        ("1.125Ki", "1152"),
        ("1e3", "1e3"),
        ("1000e3", "1e6"),
        ("5e2", "500"),
        ("1E", "1E"),
        ("0", "0"),
        ("0Gi", "0"),
        ("000100m", "100m"),
    ],
)
def test_a_quantity_is_written_as_the_api_server_stores_it(
    quantity: str | int, expected: str
) -> None:
    """Source: `Quantity.CanonicalizeBytes` of apimachinery."""
    assert canonical(quantity) == expected


@pytest.mark.parametrize("text", ["", "-1", "1.2.3", "1 Gi", "Gi", "1KiB", "1e-3", "much", "٣"])
def test_text_that_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        canonical(text)


def test_amounts_compare_across_forms() -> None:
    assert amount("0.1") == amount("100m") == Fraction(1, 10)
    assert amount("1Ki") == 1024
    assert amount("1e3") == amount("1k") == 1000


SUFFIXES = ["", "m", "k", "M", "G", "Ki", "Mi", "e2", "E3", "e+6"]


@settings(max_examples=200)
@given(st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,2})?", fullmatch=True), st.sampled_from(SUFFIXES))
def test_the_canonical_form_is_stable_and_the_same_amount(number: str, suffix: str) -> None:
    assume(number.isascii() and not (suffix == "m" and "." in number))
    quantity = number + suffix

    written = canonical(quantity)

    assert amount(written) == amount(quantity)
    assert canonical(written) == written
