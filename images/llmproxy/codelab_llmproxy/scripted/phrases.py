"""Splits what a person writes: quoted text, clauses joined by `then`, lists, file names. Pure."""

import re
from collections.abc import Iterator
from typing import Final

_DOUBLE: Final = r'"(?:[^"\\]|\\.)*+"'
_CURLY: Final = r"“[^”]*+”"
# An apostrophe inside a word opens nothing: don't.
_SINGLE: Final = r"(?<!\w)'(?:[^'\\]|\\.)*+'(?!\w)"

QUOTED: Final = f"(?:{_DOUBLE}|{_CURLY}|{_SINGLE})"
"""Text in quotes."""
WORD: Final = f"(?:{QUOTED}|[^\\s,]+)"
"""One file name: quoted, or without blanks."""

_QUOTED: Final = re.compile(QUOTED, re.DOTALL)
_THEN: Final = re.compile(r"[,;.]?\s+(?:and\s+)?then\s+", re.IGNORECASE)
_COMMA: Final = re.compile(r"\s*,\s*(?:(?:and|or)\s+)?|\s+(?:and|or)\s+", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t"}
_PAIRS: Final = {'"': '"', "'": "'", "“": "”"}


def clauses(text: str) -> list[str]:
    """The requests of a message, in order; `then` inside quotes joins nothing."""
    return [part.strip() for part in split_outside(_THEN, text) if part.strip()]


def items(text: str) -> list[str]:
    """The entries of a list `a, b and c`, unquoted."""
    return [unquoted(part.strip()) for part in split_outside(_COMMA, text) if part.strip()]


def split_outside(separator: re.Pattern[str], text: str) -> Iterator[str]:
    """The parts of a text between separators that are not in quotes."""
    spans = [found.span() for found in _QUOTED.finditer(text)]
    start = 0
    for found in separator.finditer(text):
        if not any(begin < found.end() and found.start() < end for begin, end in spans):
            yield text[start : found.start()]
            start = found.end()
    yield text[start:]


def unquoted(text: str) -> str:
    r"""Quoted text without its quotes, `\"`, `\\`, `\n`, `\t` resolved; other text unchanged."""
    if len(text) < len("''") or _PAIRS.get(text[0]) != text[-1]:
        return text
    return _ESCAPE.sub(_resolve, text[1:-1])


def _resolve(found: re.Match[str]) -> str:
    """What an escaped character stands for; an unknown escape stays as it was written."""
    sign = found[1]
    if sign in _ESCAPED:
        return _ESCAPED[sign]
    return sign if sign in "\"'\\" else found[0]


def file_name(text: str) -> str:
    """A file name as written, without quotes or the end of a sentence."""
    name = unquoted(text)
    return name if name != text else unquoted(text.rstrip(".,;:!?"))
