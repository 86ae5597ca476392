"""Room for so many things at once; who waits for it is served in order."""

import asyncio
from collections import deque
from collections.abc import Callable


class Slots:
    """`allowed()` says how many there are now: it is asked whenever one is taken or given back."""

    def __init__(self, allowed: Callable[[], int]) -> None:
        self._allowed = allowed
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle = asyncio.Event()
        self.taken = 0

    async def take(self) -> None:
        """Wait for a slot and have it. Hot: benchmarks/reconcile.py."""
        if not self._waiting and self.taken < self._allowed():
            self.taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given one, too late
                self.give()
            raise

    def give(self) -> None:
        """Give a slot back, and those that are free to who waits."""
        self.taken -= 1
        while self._waiting and self.taken < self._allowed():
            turn = self._waiting.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)
        if not self.taken:
            self._idle.set()

    async def idle(self) -> None:
        """Wait until no slot is taken."""
        while self.taken:
            self._idle.clear()
            await self._idle.wait()
