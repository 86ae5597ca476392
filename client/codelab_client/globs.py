"""Patterns for paths: `*` and `?` stay within a segment, `**` spans folders. Pure.

Matching takes time in proportion to pattern times path, whatever the pattern: each segment is
matched by `fnmatch`, whose expressions do not backtrack.
"""

import fnmatch
import re
from collections.abc import Callable
from itertools import product
from typing import Final

_MAX_ALTERNATIVES: Final = 64
_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_ANY_FOLDERS: Final = "**"

Matcher = Callable[[str], bool]


def path_matcher(pattern: str) -> Matcher:
    """Whether a path with `/` between segments matches all of `pattern`.

    `{a,b}` stands for either; case counts. Raises `ValueError` for more than 64 alternatives.
    """
    patterns = [_segments(alternative) for alternative in _alternatives(pattern)]
    return lambda path: any(_matches(segments, path.split("/")) for segments in patterns)


def name_matcher(pattern: str) -> Matcher:
    """As `path_matcher`, but a pattern without `/` is about the name alone, as in .gitignore."""
    matches = path_matcher(pattern)
    return matches if "/" in pattern else lambda path: matches(path.rpartition("/")[2])


def _alternatives(pattern: str) -> list[str]:
    """The pattern without braces, once for each choice; braces do not nest."""
    parts = _BRACES.split(pattern)
    choices = [part.split(",") if odd % 2 else [part] for odd, part in enumerate(parts)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _MAX_ALTERNATIVES:
        raise ValueError(f"more than {_MAX_ALTERNATIVES} alternatives")
    return ["".join(chosen) for chosen in product(*choices)]


def _segments(pattern: str) -> list[re.Pattern[str] | None]:
    """An expression for each segment; `None` stands for any number of folders."""
    names = [name for name in pattern.removeprefix("./").split("/") if name]
    return [None if name == _ANY_FOLDERS else re.compile(fnmatch.translate(name)) for name in names]


def _matches(segments: list[re.Pattern[str] | None], names: list[str]) -> bool:
    """Whether the names, in order, fit the segments; `ends` are the places reached so far."""
    ends = {0}
    for segment in segments:
        if segment is None:
            ends = set(range(min(ends), len(names) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(names) and segment.match(names[end])}
        if not ends:
            return False
    return len(names) in ends
