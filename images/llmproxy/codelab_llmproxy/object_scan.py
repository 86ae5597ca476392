"""Finds the end of JSON text that comes in pieces. Pure; hot: once per piece of a tool call."""

import re
from typing import Final

MAX_DEPTH: Final = 64
JSON_SPACE: Final = " \t\r\n"
_PLAIN: Final = re.compile(r'[^"{}\[\]]*+')
_IN_STRING: Final = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


def _over(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a pattern that matches any text stops."""
    found = pattern.match(text, at)
    return found.end() if found else at


class ObjectScan:
    """Tells when JSON text that comes in pieces has closed its outermost object.

    Looks at quotes, brackets and escapes only; whether the text is valid JSON is for a parser.
    """

    __slots__ = ("_depth", "_escaped", "_in_string", "closed")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.closed = False

    def feed(self, text: str) -> None:
        """Go on through the next piece.

        Raises `ValueError` for text after the end, text that is no object, and 65 levels.
        """
        at, end = 0, len(text)
        if self._escaped and end:
            at, self._escaped = 1, False
        while at < end:
            at = self._string(text, at) if self._in_string else self._structure(text, at)

    def _string(self, text: str, at: int) -> int:
        """Go on to the end of the string, or of the piece."""
        at = _over(_IN_STRING, text, at)
        if at < len(text):
            self._escaped = text[at] == "\\"
            self._in_string = self._escaped
        return at + 1

    def _structure(self, text: str, at: int) -> int:
        """Go on to the next quote or bracket, and over it."""
        found = _over(_PLAIN, text, at)
        if not self._depth and text[at:found].strip(JSON_SPACE):
            raise ValueError("text outside of the object")
        if found < len(text):
            self._enter(text[found])
        return found + 1

    def _enter(self, sign: str) -> None:
        """Take one quote or bracket."""
        if not self._depth and (self.closed or sign != "{"):
            raise ValueError("text outside of the object")
        match sign:
            case '"':
                self._in_string = True
            case "{" | "[":
                self._depth += 1
            case _:
                self._depth -= 1
                self.closed = not self._depth
        if self._depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
