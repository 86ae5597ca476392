"""The time of the store: deadlines outlive processes, so they follow its clock, not a pod's."""

from typing import Final

from codelab_core.clock import Clock

STEADY_MS: Final = 50
"""A difference as small as this is the way to the store, not a clock: nothing is changed for it."""


class StoreClock:
    """Clocks of this machine, the wall clock put right by what the store says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ms = 0

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC as the store counts them; may jump."""
        return self._clock.wall_ms() + self._ahead_ms

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return self._clock.monotonic()

    def heard(self, store_ms: int) -> None:
        """The store has just said what time it is."""
        if abs(store_ms - self.wall_ms()) > STEADY_MS:
            self._ahead_ms = store_ms - self._clock.wall_ms()
