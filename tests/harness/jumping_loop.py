"""An event loop that need not wait: long waits of real services end when nothing else happens."""

import asyncio
import selectors
from typing import Final

from codelab_core.clock import SYSTEM_CLOCK

QUIET_S: Final = 0.003
"""Nothing came from a socket for so long: everybody waits for a timer."""
STEP_S: Final = 0.5
"""A jump is no shorter: timers may be late by as much."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """Within `pass_by` its time stands until all wait, and then becomes that of the next timer.

    How busy the machine is does not count. All who talk with each other run in this loop, or the
    time of one would pass while the other works.
    """

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._stands_at: float | None = None
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds of the loop."""
        if self._stands_at is not None:
            return self._stands_at
        return SYSTEM_CLOCK.monotonic() + self._ahead_s

    @property
    def stands(self) -> bool:
        """Whether time passes in jumps now."""
        return self._stands_at is not None

    async def pass_by(self, seconds: float) -> None:
        """Let that much time pass, in jumps."""
        self._stands_at = self.time()
        await asyncio.sleep(seconds)
        self._ahead_s = self._stands_at - SYSTEM_CLOCK.monotonic()
        self._stands_at = None

    def jump(self, seconds: float) -> None:
        """Nobody has anything to do for so long."""
        if self._stands_at is not None:
            self._stands_at += seconds


class _Selector(selectors.DefaultSelector):
    """Waits for sockets only until it is sure that none has anything."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Sockets that are ready."""
        if not timeout or not self._loop.stands:
            return super().select(timeout)
        ready = super().select(QUIET_S)
        if not ready:
            self._loop.jump(max(timeout, STEP_S))
        return ready
