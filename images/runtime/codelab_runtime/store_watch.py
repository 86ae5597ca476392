"""Readiness follows the store: without it this process can serve nobody. Liveness never does.

The clock follows it too.
"""

import logging
from typing import Final

from codelab_core.service import Readiness
from codelab_runtime.connection import Connection
from codelab_runtime.eviction import Eviction
from codelab_runtime.store_clock import StoreClock

LOOK_S: Final = 0.5
PATIENCE_S: Final = 2.0
"""A restart of the store shorter than this is nobody's business."""

log = logging.getLogger(__name__)


class StoreWatch:
    """Turns readiness off while the store is away, and on again; a process may start before it."""

    def __init__(
        self, connection: Connection, readiness: Readiness, clock: StoreClock, eviction: Eviction
    ) -> None:
        self._connection = connection
        self._eviction = eviction
        self._readiness = readiness
        self._clock = clock
        self._seen: float | None = None

    async def look(self) -> None:
        """Ask the store for its time; its absence is no error here."""
        try:
            now_ms = await self._connection.now_ms()
            await self._eviction.look()
        except Exception as error:  # noqa: BLE001 -- whatever it throws, it did not answer
            log.info("store did not answer", extra={"cause": type(error).__name__})
        else:
            self._seen = self._clock.monotonic()
            self._clock.heard(now_ms)
        if self._is_away and self._readiness.state == "ok":
            log.warning("not ready: the store is away, or drops entries")
            self._readiness.state = "store"
        elif not self._is_away and self._readiness.state == "store":
            log.info("ready: the store is there")
            self._readiness.state = "ok"

    @property
    def _is_away(self) -> bool:
        """Whether the store has never answered, or not for a while, or cannot be relied on."""
        if not self._eviction.is_safe:
            return True
        return self._seen is None or self._clock.monotonic() - self._seen >= PATIENCE_S
