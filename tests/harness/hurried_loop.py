"""An event loop whose time goes faster than everybody else's: long waits of real services, soon."""

import asyncio
import selectors

from codelab_core.clock import SYSTEM_CLOCK


class HurriedLoop(asyncio.SelectorEventLoop):
    """All timers run `speed` times as fast; sockets take the time that they take."""

    def __init__(self) -> None:
        self.speed = 1.0
        self._passed = self._changed = SYSTEM_CLOCK.monotonic()
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds of the loop."""
        return self._passed + (SYSTEM_CLOCK.monotonic() - self._changed) * self.speed

    def hurry(self, speed: float) -> None:
        """Go on at another speed; 1 is that of the world."""
        self._passed, self._changed = self.time(), SYSTEM_CLOCK.monotonic()
        self.speed = speed


class _Selector(selectors.DefaultSelector):
    """Waits as long as it takes the loop's time to pass."""

    def __init__(self, loop: HurriedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Sockets that are ready."""
        return super().select(timeout and timeout / self._loop.speed)
