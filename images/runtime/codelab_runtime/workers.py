"""All workers of a process: started by commands and by the scan, kept by renewed leases."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from prometheus_client import Gauge

from codelab_core.errors import CodelabError
from codelab_runtime.answers import Claim, DivergedError, FencedError, Ingested
from codelab_runtime.store import Store
from codelab_runtime.turn.state import SessionState
from codelab_runtime.worker import Tools, Worker

SCAN_S: Final = 0.5
MAX_CLAIMS: Final = 50
MAX_KNOWN: Final = 512
"""Folded states kept after a session came to rest; a hit saves reading its journal."""
DRAIN_TIMEOUT_S: Final = 5.0

log = logging.getLogger(__name__)


class Workers:
    """Claims sessions with work, runs a worker for each, renews their leases."""

    def __init__(self, store: Store, tools: Tools, tasks: asyncio.TaskGroup, gauge: Gauge) -> None:
        self._store = store
        self._tools = tools
        self._tasks = tasks
        self._gauge = gauge
        self._workers: dict[str, Worker] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._known: OrderedDict[str, tuple[int, SessionState]] = OrderedDict()
        self.draining = False

    def has_room(self, limit: int) -> bool:
        """Whether one more session may be claimed."""
        return not self.draining and len(self._workers) < limit

    def ingested(self, session_id: str, entry: Ingested) -> None:
        """A command was accepted here: drive the session if it is ours, wake its owner if local."""
        if entry.claim:
            self._start(session_id, entry.claim)
        elif entry.owner == self._store.owner:
            self.wake(session_id)

    def wake(self, session_id: str) -> None:
        """A command may be waiting for a session that is driven here."""
        worker = self._workers.get(session_id)
        if worker:
            worker.wake()

    def heard(self, message: bytes) -> None:
        """A wake-up from another process: `<session> <owner>`; without owner, anybody may claim."""
        session_id, _, owner = message.decode().partition(" ")
        if owner == self._store.owner:
            self.wake(session_id)
        elif not owner and not self.draining and session_id not in self._workers:
            self._tasks.create_task(self._claim(session_id))

    def state(self, session_id: str) -> SessionState | None:
        """The state of a session that is driven here."""
        worker = self._workers.get(session_id)
        return worker.state if worker else None

    def _start(self, session_id: str, claim: Claim) -> None:
        """Run a worker for a session that we have just claimed."""
        worker = Worker(session_id, claim, self._tools)
        previous = self._running.get(session_id)
        if previous:
            previous.cancel()
        self._workers[session_id] = worker
        self._running[session_id] = self._tasks.create_task(self._run(worker, claim.jn))
        self._gauge.set(len(self._workers))

    async def _run(self, worker: Worker, jn: int) -> None:
        """Drive a session to its rest; errors end this worker alone."""
        session_id = worker.session_id
        known = self._known.pop(session_id, None)
        try:
            await self._tools.tails.owned(session_id)
            await worker.run(known[1] if known and known[0] == jn else None)
            if worker.state:
                self._keep(session_id, worker.jn, worker.state)
        except FencedError:
            log.info("session lost to another owner", extra={"session_id": session_id})
        except DivergedError:
            log.exception("log diverged", extra={"session_id": session_id})
        except CodelabError as error:
            log.warning("worker gave up", extra={"session_id": session_id, "code": str(error)})
        except Exception:
            log.exception("worker failed", extra={"session_id": session_id})
        finally:
            await self._ended(worker)

    async def _ended(self, worker: Worker) -> None:
        """Forget a worker, unless the session has a new one already."""
        session_id = worker.session_id
        if self._workers.get(session_id) is not worker:
            return
        del self._workers[session_id]
        del self._running[session_id]
        self._gauge.set(len(self._workers))
        try:
            await self._tools.tails.disowned(session_id)
        except (CodelabError, OSError):
            log.warning("tail not repaired", extra={"session_id": session_id})

    def _keep(self, session_id: str, jn: int, state: SessionState) -> None:
        """Keep the state of a session at rest, in case it wakes here again."""
        self._known[session_id] = (jn, state)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    async def _claim(self, session_id: str) -> None:
        """Take a session that nobody drives, if nobody was faster."""
        try:
            claim = await self._store.claim(session_id)
        except CodelabError:
            return  # the next scan finds it again
        if claim:
            self._start(session_id, claim)

    async def scan(self, limit: int, buckets: int) -> None:
        """Claim what is due, every half second, until cancelled."""
        while True:
            await asyncio.sleep(SCAN_S)
            try:
                for bucket in range(buckets):
                    await self._scan(bucket, limit)
            except CodelabError:
                log.warning("scan failed")

    async def _scan(self, bucket: int, limit: int) -> None:
        """Claim what is due in one bucket."""
        for session_id in await self._store.due(bucket, MAX_CLAIMS):
            if self.has_room(limit) and session_id not in self._workers:
                await self._claim(session_id)

    async def renew(self, every_s: float) -> None:
        """Renew all leases until cancelled; sessions that were taken from us are dropped."""
        while True:
            await asyncio.sleep(every_s)
            by_bucket: dict[int, dict[str, int]] = {}
            for session_id, worker in self._workers.items():
                bucket = self._store.keys.bucket(session_id)
                by_bucket.setdefault(bucket, {})[session_id] = worker.fence
            try:
                for bucket, fences in by_bucket.items():
                    self._renewed(fences, await self._store.renew(bucket, fences))
            except CodelabError:
                log.warning("leases not renewed")

    def _renewed(self, fences: Mapping[str, int], answers: Mapping[str, int]) -> None:
        """Drop what is lost, wake what has commands waiting."""
        for session_id, inn in answers.items():
            worker = self._workers.get(session_id)
            if worker is None or worker.fence != fences[session_id]:
                continue
            if inn < 0:
                self._running[session_id].cancel()
            elif worker.state and inn > worker.state.consumed:
                worker.wake()

    async def drain(self) -> None:
        """Hand all sessions over: others go on at once, from the log."""
        self.draining = True
        running = list(self._running.values())
        for task in running:
            task.cancel()
        workers = list(self._workers.values())
        if running:
            await asyncio.wait(running, timeout=DRAIN_TIMEOUT_S)
        for worker in workers:
            try:
                await self._store.release(worker.session_id, worker.fence)
            except CodelabError:
                log.warning("session not released", extra={"session_id": worker.session_id})
