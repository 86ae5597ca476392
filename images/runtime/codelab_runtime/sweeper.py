"""Removes sessions whose life is over; a tombstone tells later callers that they have expired."""

import asyncio
import logging
from typing import Final

from codelab_core.clock import Clock
from codelab_core.errors import CodelabError
from codelab_runtime.reading import Reader
from codelab_runtime.store import Store

EVERY_S: Final = 60.0
LIMIT: Final = 100

log = logging.getLogger(__name__)


class Sweeper:
    """Looks for expired sessions in every bucket; several processes may do so at once."""

    def __init__(self, store: Store, reader: Reader, clock: Clock) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock

    async def run(self) -> None:
        """Sweep every minute until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                for bucket in range(self._store.keys.buckets):
                    await self.sweep(bucket)
            except CodelabError:
                log.warning("sweep failed")

    async def sweep(self, bucket: int) -> int:
        """Remove up to 100 expired sessions of a bucket; says how many."""
        ids = await self._reader.expired(bucket, self._clock.wall_ms(), LIMIT)
        removed = 0
        for facts in await self._reader.facts(ids) if ids else []:
            if facts and await self._store.purge(facts.session_id, facts.principal, "expired"):
                removed += 1
        if removed:
            log.info("expired sessions removed", extra={"count": removed})
        return removed
