"""Which lines two texts share, for changes that are given as a text before and a text after. Pure.

Patience diff: equal ends, then the lines that occur once on both sides, in the longest run that
keeps their order; what lies between is taken out and put in whole. n log n for any input.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

Pair = tuple[int, int]


def aligned(old: Sequence[str], new: Sequence[str]) -> list[Pair]:
    """Positions (in old, in new) of equal lines, both rising: one way to keep most of them."""
    head, tail = _ends(old, new)
    pairs = [(at, at) for at in range(head)]
    at_old, at_new = head, head
    stop_old, stop_new = len(old) - tail, len(new) - tail
    for anchor_old, anchor_new in [*_anchors(old, new, head, tail), (stop_old, stop_new)]:
        gap_old, gap_new = old[at_old:anchor_old], new[at_new:anchor_new]
        inner_head, inner_tail = _ends(gap_old, gap_new)
        pairs += [(at_old + step, at_new + step) for step in range(inner_head)]
        pairs += [(anchor_old - step, anchor_new - step) for step in range(inner_tail, -1, -1)]
        at_old, at_new = anchor_old + 1, anchor_new + 1
    pairs.pop()  # the last "anchor" was only where the equal tail begins
    return pairs + [(stop_old + step, stop_new + step) for step in range(tail)]


def changes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Spans (old start, old end, new start, new end) that differ, in order."""
    at_old, at_new = 0, 0
    for pair_old, pair_new in [*aligned(old, new), (len(old), len(new))]:
        if (at_old, at_new) != (pair_old, pair_new):
            yield at_old, pair_old, at_new, pair_new
        at_old, at_new = pair_old + 1, pair_new + 1


def common_head(old: Sequence[object], new: Sequence[object]) -> int:
    """How many items from the start are equal."""
    limit = min(len(old), len(new))
    return next((at for at in range(limit) if old[at] != new[at]), limit)


def _ends(old: Sequence[str], new: Sequence[str]) -> Pair:
    """How many lines are equal from the start, and then from the end of the rest."""
    head = common_head(old, new)
    return head, common_head(old[head:][::-1], new[head:][::-1])


def _anchors(old: Sequence[str], new: Sequence[str], head: int, tail: int) -> list[Pair]:
    """Lines that occur once in both middles, in the longest run that rises on both sides."""
    where = _single(new, head, tail)
    pairs = [(at, where[line]) for line, at in _single(old, head, tail).items() if line in where]
    return _rising(pairs)


def _single(lines: Sequence[str], head: int, tail: int) -> dict[str, int]:
    """Positions of the lines that occur once between head and tail."""
    middle = range(head, len(lines) - tail)
    counts = Counter(lines[at] for at in middle)
    return {lines[at]: at for at in middle if counts[lines[at]] == 1}


def _rising(pairs: Sequence[Pair]) -> list[Pair]:
    """The longest subsequence whose second members rise; the first members already do."""
    tops: list[int] = []
    piles: list[int] = []
    below: list[int] = []
    for position, (_, value) in enumerate(pairs):
        pile = bisect_left(tops, value)
        below.append(piles[pile - 1] if pile else -1)
        tops[pile:] = [value, *tops[pile + 1 :]]
        piles[pile:] = [position, *piles[pile + 1 :]]
    run: list[Pair] = []
    position = piles[-1] if piles else -1
    while position >= 0:
        run.append(pairs[position])
        position = below[position]
    return run[::-1]
