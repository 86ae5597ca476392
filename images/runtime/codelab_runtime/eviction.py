"""Whether the store keeps what it is given: one that drops entries when full loses sessions."""

import logging
from typing import Final

from codelab_core.clock import Clock
from codelab_runtime.connection import Connection

ASK_S: Final = 10.0
SAFE: Final = "noeviction"

log = logging.getLogger(__name__)


class EvictionPolicyError(Exception):
    """The store drops entries when its memory is full; the text is its policy."""


class Eviction:
    """The policy of the store, asked for now and then; `is_allowed`: any is good enough.

    A store that does not tell, because it cannot or will not, is trusted.
    """

    def __init__(self, connection: Connection, clock: Clock, *, is_allowed: bool) -> None:
        self._connection = connection
        self._clock = clock
        self._due = float("inf") if is_allowed else clock.monotonic()
        self.policy = SAFE

    @property
    def is_safe(self) -> bool:
        """Whether no session can be lost to a full memory."""
        return self.policy == SAFE

    async def look(self) -> None:
        """Ask, when it is time to. Raises what the store says where it is away."""
        if self._clock.monotonic() < self._due:
            return
        found = await self._connection.eviction_policy()
        self._due = self._clock.monotonic() + ASK_S if found else float("inf")
        if found and found != self.policy:
            self.policy = found
            log.log(
                logging.INFO if self.is_safe else logging.ERROR,
                "policy of the store for a full memory (anything but noeviction loses sessions)",
                extra={"policy": found},
            )

    async def check(self) -> None:
        """Return when the store answers and is safe.

        Raises `EvictionPolicyError`, and what the store says instead of an answer.
        """
        await self._connection.ping()
        if not self.is_safe:
            raise EvictionPolicyError(self.policy)
