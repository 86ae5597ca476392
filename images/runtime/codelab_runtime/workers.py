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
from codelab_runtime.worker import Tools, Worker, answered

SCAN_S: Final = 0.5
GRACE_S: Final = 0.05
SLOW_S: Final = 1.0
HOLD_OFF_S: Final = 1.5
"""After a stall of the store the owners renew first: nobody's lease is taken at once."""
MAX_CLAIMS: Final = 50
MAX_READY: Final = 2_000
MAX_KNOWN: Final = 512
"""Folded states kept after a session came to rest; a hit saves reading its journal."""
DRAIN_TIMEOUT_S: Final = 5.0

log = logging.getLogger(__name__)


class Workers:
    """Claims sessions with work, at most `limit`, runs a worker for each, renews their leases."""

    def __init__(
        self, store: Store, tools: Tools, tasks: asyncio.TaskGroup, gauge: Gauge, limit: int
    ) -> None:
        self._store = store
        self._tools = tools
        self._tasks = tasks
        self._gauge = gauge
        self._limit = limit
        self._workers: dict[str, Worker] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._claiming: set[str] = set()
        self._known: OrderedDict[str, tuple[str, int, SessionState]] = OrderedDict()
        self._ready = 0
        self.draining = False

    @property
    def has_room(self) -> bool:
        """Whether one more session may be claimed."""
        return not self.draining and len(self._workers) < self._limit

    @property
    def is_overloaded(self) -> bool:
        """Whether more sessions wait for an owner than all owners will soon get to."""
        return self._ready > MAX_READY

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
        elif not owner:
            self._tasks.create_task(self._claim(session_id))

    def _start(self, session_id: str, claim: Claim) -> None:
        """Run a worker for a session that we have just claimed."""
        if self.draining:
            self._tasks.create_task(self._release(session_id, claim.fence))
            return
        worker = Worker(session_id, claim, self._tools)
        previous = self._running.get(session_id)
        self._workers[session_id] = worker
        self._running[session_id] = self._tasks.create_task(self._run(worker, claim, previous))
        self._gauge.set(len(self._workers))

    async def _run(self, worker: Worker, claim: Claim, previous: asyncio.Task[None] | None) -> None:
        """Drive a session to its rest; errors end this worker alone."""
        session_id = worker.session_id
        try:
            if previous:
                await _gone(previous)
            known = self._known.pop(session_id, None)
            await self._tools.tails.owned(session_id)
            self._check_term(claim)
            is_true = known is not None and known[:2] == (claim.epoch, claim.jn)
            state = await worker.run(known[2] if known and is_true else None)
            self._keep(session_id, worker, state)
        except FencedError:
            log.info("session lost to another owner", extra={"session_id": session_id})
        except DivergedError as error:
            log.warning(
                "the store may have lost the end of a log: it goes on in another epoch",
                extra={"session_id": session_id, "cause": str(error)},
            )
            await self._rebase(session_id, claim.epoch)
        except CodelabError as error:
            log.warning("worker gave up", extra={"session_id": session_id, "code": str(error)})
        except Exception:
            log.exception("worker failed", extra={"session_id": session_id})
        finally:
            await self._ended(worker)

    def _check_term(self, claim: Claim) -> None:
        """Raise `DivergedError` when the epoch began on another master, which may know more."""
        if claim.term != self._store.connection.term:
            raise DivergedError("another master")

    async def _rebase(self, session_id: str, epoch: str) -> None:
        """Have the session claimed anew, and its readers look again."""
        try:
            await answered(lambda: self._store.rebase(session_id, epoch))
        except CodelabError as error:
            log.warning("session not rebased", extra={"session_id": session_id, "code": str(error)})

    async def _ended(self, worker: Worker) -> None:
        """Forget a worker, unless the session has a new one already."""
        session_id = worker.session_id
        if self._workers.get(session_id) is not worker:
            return
        del self._workers[session_id]
        del self._running[session_id]
        self._gauge.set(len(self._workers))
        await self._tools.tails.disowned(session_id)

    def _keep(self, session_id: str, worker: Worker, state: SessionState) -> None:
        """Keep the state of a session at rest, in case it wakes here again."""
        self._known[session_id] = (worker.epoch, worker.jn, state)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def forget(self) -> None:
        """Have journals read again: the store may have lost the end of one and gone on with it."""
        self._known.clear()

    async def _claim(self, session_id: str) -> None:
        """Take a session that nobody drives, if there is room and nobody was faster."""
        busy = session_id in self._workers or session_id in self._claiming
        if busy or not self.has_room:
            return
        self._claiming.add(session_id)
        try:
            claim = await self._store.claim(session_id)
        except CodelabError:
            return  # the next scan finds it again
        finally:
            self._claiming.discard(session_id)
        if claim:
            self._start(session_id, claim)

    async def scan(self) -> None:
        """Claim what is due in every bucket; after a stall of the store, first let others renew."""
        began = self._tools.clock.monotonic()
        buckets = range(self._store.keys.buckets)
        try:
            found = [await self._store.due(bucket, MAX_CLAIMS) for bucket in buckets]
        except CodelabError:
            await asyncio.sleep(HOLD_OFF_S)
            raise
        if self._tools.clock.monotonic() - began > SLOW_S:
            await asyncio.sleep(HOLD_OFF_S)
            return
        self._ready = sum(due.ready for due in found)
        for due in found:
            for session_id in due.session_ids:
                await self._claim(session_id)

    async def renew(self) -> None:
        """Renew all leases; sessions that were taken from us are dropped."""
        by_bucket: dict[int, dict[str, int]] = {}
        for session_id, worker in self._workers.items():
            bucket = self._store.keys.bucket(session_id)
            by_bucket.setdefault(bucket, {})[session_id] = worker.fence
        for bucket, fences in by_bucket.items():
            self._renewed(fences, await self._store.renew(bucket, fences))

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
        workers, running = list(self._workers.values()), list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=DRAIN_TIMEOUT_S)
        for worker in workers:
            await self._release(worker.session_id, worker.fence)

    async def _release(self, session_id: str, fence: int) -> None:
        """Let others go on with a session."""
        try:
            await self._store.release(session_id, fence)
        except CodelabError:
            log.warning("session not released", extra={"session_id": session_id})


async def _gone(previous: asyncio.Task[None]) -> None:
    """Wait for the worker before: it is just letting go, or its lease was over and it is ended."""
    await asyncio.wait({previous}, timeout=GRACE_S)
    previous.cancel()
    await asyncio.wait({previous})
