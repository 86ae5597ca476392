"""Changes that were made before: a model that forgot its own edit would hit the next copy. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from codelab_core.patch.align import common_head
from codelab_core.patch.model import AppliedHunk, Hunk
from codelab_core.patch.search_index import INDENT
from codelab_core.patch.text import TextFile


class _Core(NamedTuple):
    """A change and what stands around it, blanks at both ends of lines aside."""

    before: list[str]
    removed: list[str]
    added: list[str]
    after: list[str]

    def may_be(self, other: "_Core") -> bool:
        """Whether both could be the same change, shown with more or less context."""
        return (
            (self.removed, self.added) == (other.removed, other.added)
            and all(map(str.__eq__, reversed(self.before), reversed(other.before)))
            and all(map(str.__eq__, self.after, other.after))
        )


class AppliedChanges:
    """What was applied so far, by path."""

    def __init__(self, applied: Iterable[AppliedHunk]) -> None:
        self._by_path: defaultdict[str, list[tuple[_Core, AppliedHunk]]] = defaultdict(list)
        for hunk in applied:
            old, new = _texts(hunk.old), _texts(hunk.new)
            self._by_path[hunk.path].append((_core(old, new), hunk))

    def repeat_of(self, path: str, hunk: Hunk) -> AppliedHunk | None:
        """The latest change of this file that a part of `hunk` may repeat.

        Context counts as far as both show it: the same change elsewhere has other lines around it.
        """
        known = self._by_path.get(path, [])
        cores = [_core(old, new) for old, new in _single_changes(hunk)] if known else []
        repeated = (made for core, made in reversed(known) if any(map(core.may_be, cores)))
        return next(repeated, None)


def _texts(block: str) -> list[str]:
    """The lines of a recorded block, without ends."""
    return TextFile.from_text(block, bom=False).texts()


def _single_changes(hunk: Hunk) -> Iterator[tuple[list[str], list[str]]]:
    """Each run of changed lines by itself: the old lines, and these with that run alone made."""
    seen: list[str] = []
    old = hunk.old
    for changed, group in groupby(hunk.lines, lambda line: line.kind != " "):
        lines = list(group)
        gone = [line.text for line in lines if line.kind != "+"]
        if changed:
            added = [line.text for line in lines if line.kind == "+"]
            yield old, [*seen, *added, *old[len(seen) + len(gone) :]]
        seen += gone


def _core(old: Sequence[str], new: Sequence[str]) -> _Core:
    """The change less the lines that both sides begin and end with."""
    head = common_head(old, new)
    tail = common_head(old[head:][::-1], new[head:][::-1])
    parts = old[:head], old[head : len(old) - tail], new[head : len(new) - tail]
    return _Core(
        *([text.strip(INDENT) for text in part] for part in (*parts, old[len(old) - tail :]))
    )
