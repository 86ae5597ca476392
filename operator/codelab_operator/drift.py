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
        raise NotImplementedError

    def fights(self, now: float) -> frozenset[ObjectKey]:
        """Objects to leave alone now: pass them to `Steps.without`, and to `Findings.fights`."""
        raise NotImplementedError
