"""Delays between tries, with full jitter, inside a budget of tries and time.

Source of full jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before try 1, 2, … after a failure; all times in seconds.

    `tries` bounds the number of delays; `None`: for ever, as a client's reconnect does.
    """

    first_s: float
    longest_s: float
    tries: int | None = None

    def delays(self, uniform: Callable[[float, float], float]) -> Iterator[float]:
        """Each delay drawn from 0 … min(longest, first·2ⁿ) by `uniform(low, high)`."""
        ceiling, count = self.first_s, 0
        while self.tries is None or count < self.tries:
            yield uniform(0.0, ceiling)
            ceiling, count = min(ceiling * 2, self.longest_s), count + 1
