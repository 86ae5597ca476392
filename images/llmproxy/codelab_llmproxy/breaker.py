"""When a target is left alone for a while, and how often one provider is asked again. Pure.

Times are seconds of a monotonic clock given by the caller.
"""

import math
from collections import deque
from typing import Final

from codelab_core.breaker import BreakerState

MAX_IN_A_ROW: Final = 3
WINDOW_S: Final = 10.0
WINDOW_CALLS: Final = 10
"""From so many calls in the window on, half of them as faults open it too."""
OPEN_S: Final = 5.0
LONGEST_OPEN_S: Final = 15.0
PROBE_S: Final = 30.0
"""How long a probe that never reports stands in the way of the next."""
BUDGET: Final = 10.0
REGAIN: Final = 0.2


class Breaker:
    """Health of one target.

    Opens after 3 faults in a row, or when half of at least 10 calls within 10 s were faults; for
    5 s, doubled up to 15 s by each probe that fails. Then one call may probe; success closes.
    """

    __slots__ = (
        "_begun",
        "_calls",
        "_in_a_row",
        "_open_s",
        "_open_until",
        "_probe",
        "_probe_until",
    )

    def __init__(self) -> None:
        self._calls: deque[tuple[float, bool]] = deque(maxlen=1_000)
        self._in_a_row = 0
        self._open_s = OPEN_S
        self._open_until: float | None = None
        self._begun = 0
        self._probe = -1
        self._probe_until = -math.inf

    @property
    def is_open(self) -> bool:
        """Whether it opened and no call has succeeded since."""
        return self._open_until is not None

    def state(self, now: float) -> BreakerState:
        """Where it stands; half-open also while a probe runs."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._open_until else BreakerState.HALF_OPEN

    def wait_s(self, now: float) -> float:
        """Seconds until a call may start; 0: at once."""
        if self._open_until is None:
            return 0.0
        return max(0.0, self._open_until - now, self._probe_until - now)

    def begin(self, now: float) -> int:
        """A call starts, and has a number from now on; on an open breaker it is the probe."""
        self._begun += 1
        if self.is_open:
            self._probe, self._probe_until = self._begun, now + PROBE_S
        return self._begun

    def succeeded(self, now: float) -> None:
        """A call had a whole answer."""
        self._note(now, is_fault=False)
        self._in_a_row, self._open_s = 0, OPEN_S
        self._open_until, self._probe_until = None, -math.inf

    def failed(self, call: int, now: float, weight: int, spread: float) -> None:
        """The provider was to blame; `spread` is about 1, so that replicas do not reopen as one."""
        self._note(now, is_fault=True)
        self._in_a_row += weight
        if self.is_open:
            self._reopen(call, now, spread)
        elif self._in_a_row >= MAX_IN_A_ROW or self._is_half_lost():
            self._open_until = now + self._open_s * spread

    def let_go(self, call: int) -> None:
        """A call ended and says nothing; if it was the probe, another may follow."""
        if call == self._probe:
            self._probe_until = -math.inf

    def _reopen(self, call: int, now: float, spread: float) -> None:
        """Stay open for longer where a probe failed; never for less than before."""
        if call == self._probe:
            self._open_s = min(LONGEST_OPEN_S, 2 * self._open_s)
            self.let_go(call)
        self._open_until = max(self._open_until or now, now + self._open_s * spread)

    def _note(self, now: float, *, is_fault: bool) -> None:
        """Keep the outcomes of the window."""
        self._calls.append((now, is_fault))
        while self._calls[0][0] < now - WINDOW_S:
            self._calls.popleft()

    def _is_half_lost(self) -> bool:
        """Whether half of many calls failed."""
        faults = sum(is_fault for _, is_fault in self._calls)
        return len(self._calls) >= WINDOW_CALLS and 2 * faults >= len(self._calls)


class RetryBudget:
    """How often one provider is asked the same again: 10 times, then once per 5 whole answers.

    So a provider in trouble is not asked twice as much as before.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = BUDGET

    @property
    def is_empty(self) -> bool:
        """Whether no retry is left."""
        return self._left < 1.0

    def spend(self) -> None:
        """A retry is made."""
        self._left = max(0.0, self._left - 1.0)

    def regain(self) -> None:
        """A call had a whole answer."""
        self._left = min(BUDGET, self._left + REGAIN)
