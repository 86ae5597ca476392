"""What waits to be stepped through in one session, in the order in which it happened."""

import asyncio
from collections import deque
from typing import Final

from codelab_runtime.turn.facts import Chunks, Fact

MAX_WAITING_CHARS: Final = 262_144


class Backlog:
    """Facts on their way to the worker; `changed` is set when there may be something to do."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._facts: deque[Fact] = deque()
        self._chars = 0
        self._has_room = asyncio.Event()
        self._has_room.set()

    def __bool__(self) -> bool:
        """Whether something waits."""
        return bool(self._facts)

    def tell(self, fact: Fact) -> None:
        """Something happened."""
        self._facts.append(fact)
        if isinstance(fact, Chunks):
            self._count(len(fact.text))
        self.changed.set()

    async def room(self) -> None:
        """Return when no more than 256 Ki characters of text wait."""
        await self._has_room.wait()

    def take(self, limit: int) -> list[Fact]:
        """The oldest facts, at most `limit`."""
        taken = [self._facts.popleft() for _ in range(min(limit, len(self._facts)))]
        self._count(-sum(len(fact.text) for fact in taken if isinstance(fact, Chunks)))
        return taken

    def _count(self, chars: int) -> None:
        """Text came or went."""
        self._chars += chars
        if self._chars > MAX_WAITING_CHARS:
            self._has_room.clear()
        else:
            self._has_room.set()
