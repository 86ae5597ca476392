"""The one place of each hunk in a file as it was, or the reason why there is none. Pure.

A `Site` comes only from `place`, and only from candidates that the index found: one at the first
level that has any, one inside the anchor, one between placed neighbours, or the one that the model
named. There is no score and no nearest match, so there is nothing that could pick a wrong copy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise

from codelab_core.patch.anchors import enclosed
from codelab_core.patch.explain import REPORTED_MAX, Failure, ambiguous, not_found
from codelab_core.patch.model import AppliedHunk, FilePatch, Hunk
from codelab_core.patch.search_index import Level, SearchIndex, Site

RepeatOf = Callable[[Hunk], AppliedHunk | None]


@dataclass(slots=True)
class _Search:
    """The candidates of one hunk, eleven at most, and the window of starts they come from."""

    hunk: Hunk
    sites: list[Site]
    window: range
    contradicted: bool = False

    @property
    def settled(self) -> bool:
        """Whether there is one candidate and nothing speaks against it."""
        return len(self.sites) == 1 and not self.contradicted


def place(
    file: FilePatch, index: SearchIndex, at: Mapping[int, int], repeat_of: RepeatOf
) -> list[Site | Failure]:
    """The places of the file's hunks in their order, each looked up in the unchanged file.

    `at` maps ordinals of hunks to chosen lines, counted from 1; it only counts for a candidate
    that is or would be reported. Raises `PATCH_INVALID` too_complex.
    """
    searches = [_search(hunk, index) for hunk in file.hunks]
    if file.ascending:
        _narrow_by_neighbours(searches, index)
    return [
        _verdict(search, index, at.get(search.hunk.ordinal), repeat_of(search.hunk))
        for search in searches
    ]


def _search(hunk: Hunk, index: SearchIndex) -> _Search:
    """The candidates of the first level that has any, those inside the anchor if there are."""
    everywhere = range(len(index.texts) + 1)
    sites = next(filter(None, (_found(hunk, index, level, everywhere) for level in Level)), [])
    search = _Search(hunk, sites, everywhere)
    region = enclosed(hunk.anchors, index) if sites else None
    if region is None:
        return search
    if len(sites) > 1:
        _narrow(search, index, region)
    # What an anchor encloses stands behind it: a lone copy before it is not the one that is meant.
    search.contradicted = len(sites) == 1 and sites[0].start + len(hunk.old) <= region.start
    return search


def _found(hunk: Hunk, index: SearchIndex, level: Level, window: range) -> list[Site]:
    """The first candidates in the window: one more than are reported tells that there are more."""
    return list(islice(index.sites(hunk, level, window), REPORTED_MAX + 1))


def _narrow(search: _Search, index: SearchIndex, window: range) -> None:
    """Keep to the candidates within `window`, if there are any."""
    within = range(max(window.start, search.window.start), min(window.stop, search.window.stop))
    sites = _found(search.hunk, index, search.sites[0].level, within)
    if sites:
        search.sites, search.window = sites, within


def _narrow_by_neighbours(searches: list[_Search], index: SearchIndex) -> None:
    """Keep to the candidates between the hunks that have one place, if those stand in order."""
    settled = [(at, search.sites[0].start) for at, search in enumerate(searches) if search.settled]
    if any(first[1] >= second[1] for first, second in pairwise(settled)):
        return
    for at, search in enumerate(searches):
        if len(search.sites) > 1:
            after = max((start + 1 for other, start in settled if other < at), default=0)
            before = (start for other, start in settled if other > at)
            _narrow(search, index, range(after, min(before, default=len(index.texts) + 1)))


def _verdict(
    search: _Search, index: SearchIndex, line: int | None, repeat: AppliedHunk | None
) -> Site | Failure:
    """The place, if it is the only one and no repetition, or if the model chose it."""
    hunk, sites = search.hunk, search.sites
    if not sites:
        return not_found(hunk, index, "The lines of the hunk are not in the file.", repeat)
    if search.contradicted:
        return not_found(hunk, index, "The lines of the hunk stand only before its anchor.")
    if line is None:
        chosen = sites if search.settled and repeat is None else []
    else:
        chosen = [site for site in sites[:REPORTED_MAX] if site.start + 1 == line]
    return chosen[0] if chosen else ambiguous(sites, hunk, index, repeat)
