"""What the model is told about a hunk that was not placed. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

from codelab_core.patch.failures import FailedReason
from codelab_core.patch.model import AppliedHunk, Hunk
from codelab_core.patch.search_index import INDENT, Level, SearchIndex, Site

REPORTED_MAX: Final = 10
"""Candidates that are named; the search stops at one more."""
_AROUND: Final = 2
_CLOSEST_AROUND: Final = 5
_TEXT_MAX: Final = 200
_BLOCK_MAX: Final = 200  # lines of a hunk, and occurrences of each, that vote for the closest place
_VOTES_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a hunk has no place; `facts` are JSON values."""

    reason: FailedReason
    message: str
    facts: Mapping[str, Any]


def ambiguous(
    sites: Sequence[Site], hunk: Hunk, index: SearchIndex, repeat: AppliedHunk | None
) -> Failure:
    """Several places, or one for a change that was made before: the model may choose by `at`."""
    count = len(sites)
    candidates = [_candidate(site, len(hunk.old), index.texts) for site in sites[:REPORTED_MAX]]
    facts: dict[str, Any] = {"count": count, "candidates": candidates}
    message = (
        f"The hunk fits in {count if count <= REPORTED_MAX else f'more than {REPORTED_MAX}'}"
        " places: give more context, or choose one of the candidate lines with `at`."
    )
    if repeat is not None:
        facts["repeat_of"] = _repeat_of(repeat)
        message = (
            f"This change was made before, at line {repeat.line}. If it is meant once more,"
            " choose one of the candidate lines with `at`."
        )
    return Failure("ambiguous", message, facts)


def _candidate(site: Site, length: int, texts: Sequence[str]) -> dict[str, Any]:
    """A place by its first line, counted from 1, and what tells it from the others."""
    end = site.start + length
    before = texts[max(site.start - _AROUND, 0) : site.start]
    return {
        "line": site.start + 1,
        "before": list(map(_cut, before)),
        "after": list(map(_cut, texts[end : end + _AROUND])),
    }


def not_found(
    hunk: Hunk, index: SearchIndex, message: str, repeat: AppliedHunk | None = None
) -> Failure:
    """No place: where most of the lines stand, and the first one that differs there."""
    start = _closest(hunk.old, index)
    at = None if start is None else _first_difference(hunk.old, index.texts[start:])
    facts: dict[str, Any] = {
        "first_differing_line": None if start is None or at is None else start + at + 1,
        "expected": None if at is None else _cut(hunk.old[at]),
        "actual": None if start is None or at is None else _shown(index.texts, start + at),
        "closest": [] if start is None else _around(index.texts, start + (at or 0)),
    }
    if repeat is not None:
        message = f"{message} This change was made before, at line {repeat.line}."
        facts["repeat_of"] = _repeat_of(repeat)
    return Failure("not_found", message, facts)


def _repeat_of(repeat: AppliedHunk) -> dict[str, Any]:
    """Where a change was made before."""
    return {"call_id": repeat.call_id, "line": repeat.line}


def _first_difference(block: Sequence[str], there: Sequence[str]) -> int | None:
    """The first line of the block that stands not there, blanks at its end aside."""
    pairs = enumerate(zip_longest(block, there[: len(block)]))
    differing = (
        at
        for at, (ours, theirs) in pairs
        if theirs is None or ours.rstrip(INDENT) != theirs.rstrip(INDENT)
    )
    return next(differing, None)


def _around(texts: Sequence[str], middle: int) -> list[dict[str, Any]]:
    """Up to eleven numbered lines."""
    first, last = max(middle - _CLOSEST_AROUND, 0), middle + _CLOSEST_AROUND + 1
    return [{"line": at + 1, "text": _cut(texts[at])} for at in range(first, min(last, len(texts)))]


def _shown(texts: Sequence[str], at: int) -> str | None:
    """A line short enough to show; `None` past the end."""
    return _cut(texts[at]) if at < len(texts) else None


def _closest(block: Sequence[str], index: SearchIndex) -> int | None:
    """Where most lines of the block stand in their order, the indent aside; the first of equals."""
    table = index.level(Level.INDENT)
    votes: Counter[int] = Counter()
    for offset, text in enumerate(block[:_BLOCK_MAX]):
        key = text.strip(INDENT)
        if key:
            votes.update(at - offset for at in islice(table.positions(key), _VOTES_MAX))
    possible = [(-count, start) for start, count in votes.items() if start >= 0]
    return min(possible)[1] if possible else None


def _cut(text: str) -> str:
    """A line short enough to show."""
    return text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "…"
