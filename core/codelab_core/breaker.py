"""A circuit breaker as a state machine: after repeated faults nobody asks, then one asks again."""

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
    closes, a fault opens again. A caller's own mistake (4xx) is a success here.
    """

    max_faults: int = MAX_FAULTS
    open_s: float = OPEN_S
    _faults: int = 0
    _opened_at: float | None = None
    _probing: bool = False

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
            case BreakerState.HALF_OPEN if not self._probing:
                self._probing = True
                return True
            case _:
                return False

    def succeeded(self) -> None:
        """The address answered."""
        self._faults, self._opened_at, self._probing = 0, None, False

    def failed(self, now: float) -> None:
        """Connect error, timeout or 5xx."""
        self._faults += 1
        self._probing = False
        if self._faults >= self.max_faults:
            self._opened_at = now
