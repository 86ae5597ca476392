"""A circuit breaker as a state machine: after repeated faults nobody asks, then one asks again."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_FAULTS: Final = 5
OPEN_S: Final = 2.0


class BreakerState(StrEnum):
    """Closed lets everyone through, open nobody, half-open one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class Breaker:
    """Health of one address; times are seconds of a monotonic clock given by the caller.

    Opens after `max_faults` faults in a row for `open_s`; then one caller may probe: success
    closes, a fault opens again. A caller's own mistake (4xx) is a success here. A probe that never
    reports, because its caller was cancelled, stands in the way of the next for `open_s` only.
    """

    max_faults: int = MAX_FAULTS
    open_s: float = OPEN_S
    _faults: int = 0
    _opened_at: float | None = None
    _probe_until: float = -math.inf

    def state(self, now: float) -> BreakerState:
        """Where it stands at `now`."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._opened_at + self.open_s else BreakerState.HALF_OPEN

    def allows(self, now: float) -> bool:
        """Whether a call may start; in half-open the first caller becomes the probe."""
        match self.state(now):
            case BreakerState.CLOSED:
                return True
            case BreakerState.HALF_OPEN if now >= self._probe_until:
                self._probe_until = now + self.open_s
                return True
            case _:
                return False

    def succeeded(self) -> None:
        """The address answered."""
        self._faults, self._opened_at, self._probe_until = 0, None, -math.inf

    def failed(self, now: float) -> None:
        """Connect error, timeout or 5xx."""
        self._faults += 1
        self._probe_until = -math.inf
        if self._faults >= self.max_faults:
            self._opened_at = now
