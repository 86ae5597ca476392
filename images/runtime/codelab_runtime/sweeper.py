"""Removes sessions whose life is over; a tombstone tells later callers that they have expired."""

import logging
from typing import Final

from codelab_core.clock import Clock
from codelab_runtime.reading import Reader
from codelab_runtime.store import DAY_MS, Store

EVERY_S: Final = 60.0
LIMIT: Final = 100
TOMBSTONE_MS: Final = 30 * DAY_MS

log = logging.getLogger(__name__)


class Sweeper:
    """Looks for expired sessions in every bucket; several processes may do so at once."""

    def __init__(self, store: Store, reader: Reader, clock: Clock) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock

    async def sweep_all(self) -> None:
        """One look at every bucket."""
        for bucket in range(self._store.keys.buckets):
            await self.sweep(bucket)

    async def sweep(self, bucket: int) -> int:
        """Remove up to 100 expired sessions of a bucket, and old tombstones; says how many."""
        now = self._clock.wall_ms()
        ids = await self._reader.expired(bucket, now, LIMIT)
        removed = 0
        for session_id, facts in zip(ids, await self._reader.facts(ids), strict=True):
            principal = facts.principal if facts else ""
            removed += await self._store.purge(session_id, principal, "expired")
        await self._reader.forget_tombstones(bucket, now - TOMBSTONE_MS)
        if removed:
            log.info("expired sessions removed", extra={"count": removed})
        return removed
