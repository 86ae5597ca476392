"""Chooses among weighted names so that the same caller gets the same one. Pure.

Weighted rendezvous hashing: without shared state all replicas agree, and a name that goes away
moves only its own callers, so that prompt caches of the others stay warm.
"""

import hashlib
import math
from collections.abc import Iterable
from typing import Final

_SPAN: Final = float(1 << 64)


def ranked(affinity: str, weighted: Iterable[tuple[str, float]]) -> list[str]:
    """The names, the one to take first; each is first for its share of all affinities."""
    return [name for _, name in sorted((_score(affinity, *item), item[0]) for item in weighted)]


def _score(affinity: str, name: str, weight: float) -> float:
    """An exponentially distributed time until the name is drawn; the soonest wins."""
    digest = hashlib.sha256(f"{affinity}\0{name}".encode()).digest()
    uniform = (int.from_bytes(digest[:8]) + 1) / _SPAN  # above 0, at most 1
    return -math.log(uniform) / weight
