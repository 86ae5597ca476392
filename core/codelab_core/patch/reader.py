"""A patch text read line by line, inside and outside of Markdown fences. Pure."""

import re
from typing import Final

_FENCE: Final = re.compile(r"(`{3,}|~{3,})[^`]*")


class Reader:
    """A place in the lines of a text; line numbers count from 1.

    Lines come without their LF and without one CR before it; `has_cr` tells of the latter.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        if not self._lines[-1]:
            self._lines.pop()
        self._plain = self._lines
        if "\r" in text:
            self._plain = [line.removesuffix("\r") for line in self._lines]
        self._next = 0
        self._fence: str | None = None

    @property
    def number(self) -> int:
        """Number of the line that comes next."""
        return self._next + 1

    def peek(self, offset: int = 0) -> str | None:
        """The line `offset` after the next one; `None` past the end."""
        position = self._next + offset
        return self._plain[position] if position < len(self._plain) else None

    def starts(self, prefix: str, offset: int = 0) -> bool:
        """Whether the line there begins with `prefix`."""
        return (self.peek(offset) or "").startswith(prefix)

    def has_cr(self) -> bool:
        """Whether the next line ends with a CR."""
        return self._lines[self._next].endswith("\r")

    def take(self, count: int = 1) -> list[str]:
        """Go on by `count` lines, which are there, and give them with their CR."""
        taken = self._lines[self._next : self._next + count]
        self._next += len(taken)
        return taken

    def take_prose(self) -> None:
        """Go on by one line that is no part of the patch; it may open or close a fence."""
        line = self.take()[0].rstrip()
        if self._fence is None:
            opening = _FENCE.fullmatch(line)
            self._fence = opening and opening[1]
        elif self.closes_fence(line):
            self._fence = None

    @property
    def fenced(self) -> bool:
        """Whether the next line is inside a fence that was open before the patch began."""
        return self._fence is not None

    def closes_fence(self, line: str) -> bool:
        """Whether `line` closes the open fence: as long at least, and nothing else on it."""
        bare = line.rstrip()
        return self._fence is not None and bare.startswith(self._fence) and not bare.strip(bare[0])
