"""Kubernetes quantities in the one form in which the API server stores them. Pure.

Source: `apimachinery/pkg/api/resource`. A value in another form would look like drift for ever.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

PATTERN: Final = (
    r"^[0-9]{1,15}(\.[0-9]{1,3})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+]?[0-9]{1,2})?$"
)
"""Quantities that make sense for processors and bytes: none negative, none finer than a micro."""
DECIMAL: Final = {"u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
EXPONENTS: Final = range(-3, 19, 3)
_PARTS: Final = re.compile(
    r"([0-9]{1,40}(?:\.[0-9]{1,6})?)([umkMGTPE]?|[KMGTPE]i|[eE][+]?[0-9]{1,2})"
)
"""What can be read: also forms that only the API server writes, such as `100u`."""

# Cached: agents ask for the same few amounts, and fractions cost a third of rendering them.


@lru_cache(maxsize=1024)
def amount(quantity: str | int) -> Fraction:
    """The number that a quantity stands for. Raises `ValueError` for text that is none."""
    number, suffix = _split(str(quantity))
    return Fraction(number) * _factor(suffix)


@lru_cache(maxsize=1024)
def canonical(quantity: str | int) -> str:
    """The same amount as the API server writes it: `500m` for `0.5`, `1Gi` for `1024Mi`.

    The largest suffix of the family that leaves an integer. Raises `ValueError` for text that is no
    quantity.
    """
    number, suffix = _split(str(quantity))
    value = Fraction(number) * _factor(suffix)
    if value == 0:
        return "0"
    if suffix in BINARY and value.denominator == 1 and value >= 2**10:
        return _shortest(value, {name: Fraction(2) ** power for name, power in BINARY.items()})
    if suffix in BINARY or suffix in DECIMAL:
        return _shortest(value, {name: Fraction(10) ** power for name, power in DECIMAL.items()})
    return _shortest(value, {f"e{n}" if n else "": Fraction(10) ** n for n in EXPONENTS})


def _split(text: str) -> tuple[str, str]:
    """Number and suffix. Raises `ValueError` for text that is no quantity."""
    match = _PARTS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no quantity")
    return match[1], match[2]


def _factor(suffix: str) -> Fraction:
    """What a suffix multiplies with."""
    if suffix in BINARY:
        return Fraction(2) ** BINARY[suffix]
    return Fraction(10) ** (DECIMAL[suffix] if suffix in DECIMAL else int(suffix[1:]))


def _shortest(value: Fraction, units: dict[str, Fraction]) -> str:
    """The value in its largest unit that leaves an integer, or else in the one without a name."""
    fitting = [name for name, unit in units.items() if (value / unit).denominator == 1]
    unit = fitting[-1] if fitting else ""
    return f"{value / units.get(unit, Fraction(1))}{unit}"
