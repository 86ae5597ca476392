"""Where a block of lines stands in a file: every place, at one level of leniency. Pure.

A block is looked up through its rarest line, so that a hunk costs as much as that line has
occurrences and not as much as the file is long.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import eq
from typing import Final

from codelab_core.patch.failures import Budget
from codelab_core.patch.model import Hunk

INDENT: Final = " \t"
# What a step costs beside its comparisons, in the time that it takes to compare two lines.
_STEP_COST: Final = 64
_SHIFT_COST: Final = 1_024
_LINE_COST: Final = 8  # of a line that goes into an index


class Level(IntEnum):
    """How leniently lines are compared, strictest first. Line ends never count."""

    EXACT = 0
    BLANKS = 1
    INDENT = 2

    @property
    def wire(self) -> str:
        """The name in `review`: `exact`, `blanks` or `indent`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Site:
    """A place where a hunk's old lines stand: from line `start`, counted from 0.

    At level `INDENT` the file's lines are those of the hunk with `added` put before each line that
    is not blank, or with `cut` taken away; one of the two is empty.
    """

    start: int
    level: Level
    added: str = ""
    cut: str = ""

    def shifted(self, text: str) -> str | None:
        """A line of the hunk as it belongs here; `None` when it has not the indent to cut."""
        if not text.strip(INDENT):
            return text
        return self.added + text.removeprefix(self.cut) if text.startswith(self.cut) else None


_KEYS: Final[dict[Level, Callable[[str], str]]] = {
    Level.EXACT: lambda text: text,
    Level.BLANKS: lambda text: text.rstrip(INDENT),
    Level.INDENT: lambda text: text.strip(INDENT),
}


class SearchIndex:
    """The lines of one file, without ends, ready for look-ups at every level."""

    def __init__(self, texts: list[str], budget: Budget) -> None:
        self.texts = texts
        self.budget = budget
        self._levels: dict[Level, LevelIndex] = {}

    def sites(self, hunk: Hunk, level: Level, window: range) -> Iterator[Site]:
        """The places of the hunk that start within `window`, in order.

        A hunk without old lines stands everywhere. Raises `PATCH_INVALID` too_complex.
        """
        block = hunk.old
        starts = self.level(level).starts(list(map(_KEYS[level], block)), self.budget)
        for start in starts:
            if start in window and self._at_border(hunk, start, len(block)):
                site = self._site(block, start, level)
                if site is not None:
                    yield site

    def single(self, anchor: str, window: range) -> int | None:
        """The one line within `window` that reads `anchor`, blanks around it aside."""
        found: int | None = None
        for position in self.level(Level.INDENT).positions(anchor.strip(INDENT)):
            self.budget.spend(_STEP_COST)
            if position in window:
                if found is not None:
                    return None
                found = position
        return found

    def level(self, level: Level) -> "LevelIndex":
        """The look-up tables of one level, made when first asked for."""
        if level not in self._levels:
            self._levels[level] = self._built(level)
        return self._levels[level]

    def _built(self, level: Level) -> "LevelIndex":
        """New tables, or those of a stricter level where that makes no difference."""
        key = _KEYS[level]
        for built in self._levels.values():
            if all(map(eq, map(key, self.texts), built.keys)):
                return built
        self.budget.spend(_LINE_COST * len(self.texts))
        return LevelIndex(self.texts if level is Level.EXACT else list(map(key, self.texts)))

    def _at_border(self, hunk: Hunk, start: int, length: int) -> bool:
        """Whether the place is at the start or end of the file, where the hunk says so."""
        at_end = start + length == len(self.texts)
        return (start == 0 or not hunk.at_start) and (at_end or not hunk.at_end)

    def _site(self, block: Sequence[str], start: int, level: Level) -> Site | None:
        """The place, if one shift of the indent fits all its lines."""
        if level is not Level.INDENT:
            return Site(start, level)
        self.budget.spend(_SHIFT_COST + len(block))
        there = self.texts[start : start + len(block)]
        pairs = [
            (text, ours) for text, ours in zip(there, block, strict=True) if ours.strip(INDENT)
        ]
        if not pairs:
            return None
        theirs, ours = map(indent_of, pairs[0])
        added = theirs.removesuffix(ours) if theirs.endswith(ours) else ""
        cut = ours.removesuffix(theirs) if ours.endswith(theirs) else ""
        fits = all(cut + indent_of(text) == added + indent_of(ours) for text, ours in pairs)
        return Site(start, level, added, cut) if fits else None


class LevelIndex:
    """Chains of equal lines: where the first of each is, and from each position the next one.

    Arrays of integers beside one dictionary: a file may have two million lines.
    """

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self._first: dict[str, int] = {}
        self._following = array("i", bytes(4 * len(keys)))
        self._counts = array("i", bytes(4 * len(keys)))
        for position in range(len(keys) - 1, -1, -1):
            key = keys[position]
            after = self._first.get(key, -1)
            self._following[position] = after
            self._counts[position] = 1 if after < 0 else self._counts[after] + 1
            self._first[key] = position

    def count(self, key: str) -> int:
        """How many lines have this key."""
        first = self._first.get(key, -1)
        return 0 if first < 0 else self._counts[first]

    def starts(self, block: list[str], budget: Budget) -> Iterator[int]:
        """Positions where the keys of `block` stand, rising; all positions for an empty block."""
        if not block:
            yield from range(len(self.keys) + 1)
            return
        rarest = min(range(len(block)), key=lambda at: self.count(block[at]))
        for position in self.positions(block[rarest]):
            budget.spend(max(len(block), _STEP_COST))
            start = position - rarest
            if start >= 0 and self.keys[start : start + len(block)] == block:
                yield start

    def positions(self, key: str) -> Iterator[int]:
        """The lines with this key, in order."""
        position = self._first.get(key, -1)
        while position >= 0:
            yield position
            position = self._following[position]


def indent_of(text: str) -> str:
    """The blanks that a line begins with."""
    return text[: len(text) - len(text.lstrip(INDENT))]
