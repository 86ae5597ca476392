"""Repairs of drift, and where to stop: two programs that undo each other would write for ever.

A pure value: the effects keep one for each agent and pass the time in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from codelab_operator.children import ObjectKey

REPAIRS: Final = 3
WINDOW_S: Final = 60.0
TRUCE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Drift:
    """Recent repairs of one agent's children, and children that are left alone."""

    repairs: tuple[tuple[ObjectKey, str, float], ...] = ()
    """Object, path, time in seconds of any steady clock; oldest first."""
    truces: tuple[tuple[ObjectKey, float], ...] = ()
    """Object and the time until which it is left alone."""

    def repaired(self, key: ObjectKey, paths: Sequence[str], now: float) -> "Drift":
        """After one repair; the third of one path within a minute begins a truce of ten."""
        recent = [one for one in self.repairs if one[2] > now - WINDOW_S]
        recent += [(key, path, now) for path in dict.fromkeys(paths)]
        on = [truce for truce in self.truces if truce[1] > now]
        counts = [sum(one[:2] == (key, path) for one in recent) for path in paths]
        if max(counts, default=0) < REPAIRS:
            return Drift(tuple(recent), tuple(on))
        calm = tuple(one for one in recent if one[0] != key)
        return Drift(calm, (*on, (key, now + TRUCE_S)))

    def fights(self, now: float) -> frozenset[ObjectKey]:
        """Objects to leave alone now: pass them to `Steps.without`, and to `Findings.fights`."""
        return frozenset(key for key, until in self.truces if until > now)
