"""Workers over the queue of agents: at most so many at once, one for each agent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from codelab_core.clock import Clock
from codelab_operator.key_queue import KeyQueue, Uniform
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey

WORKERS: Final = 32

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass over an agent came to."""

    again_in_s: float | None = None
    """Look again after this time, whether or not anything happens."""
    is_failure: bool = False
    """Something that goes away by itself did not work: wait longer each time."""
    at_least_s: float = 0.0
    """After a failure: what the server asked to wait."""


Work = Callable[[AgentKey], Awaitable[Outcome]]


class WorkQueue:
    """Feed it with `add`; `run` works until it is cancelled."""

    def __init__(self, work: Work, clock: Clock, uniform: Uniform, metrics: Metrics) -> None:
        self._work = work
        self._clock = clock
        self._metrics = metrics
        self._queue = KeyQueue[AgentKey](uniform)
        self._wake = asyncio.Event()
        self._free = asyncio.Semaphore(WORKERS)

    def add(self, key: AgentKey, delay_s: float = 0.0, *, is_urgent: bool = False) -> None:
        """Let a pass over an agent happen in `delay_s`."""
        self._queue.add(key, self._clock.monotonic(), delay_s, is_urgent=is_urgent)
        self._wake.set()

    def oldest_age_s(self) -> float:
        """Wait of the agent that has been due longest."""
        return self._queue.oldest_age_s(self._clock.monotonic())

    def depth(self) -> int:
        """Agents that wait or are worked on."""
        return self._queue.depth()

    async def run(self) -> None:
        """Hand out due agents for ever."""
        async with asyncio.TaskGroup() as workers:
            while True:
                await self._free.acquire()
                workers.create_task(self._one(await self._due()))

    async def _due(self) -> AgentKey:
        """The next agent, when it is due."""
        while True:
            self._wake.clear()
            now = self._clock.monotonic()
            key = self._queue.take(now)
            if key is not None:
                return key
            due = self._queue.next_due()
            await self._until(None if due is None else due - now)

    async def _until(self, span_s: float | None) -> None:
        """Wait for news, or for a time to pass."""
        try:
            async with asyncio.timeout(span_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _one(self, key: AgentKey) -> None:
        """One pass. A bug in it is logged once with the key, and tried again with backoff."""
        started = self._clock.monotonic()
        result = "error"
        try:
            outcome = await self._work(key)
            result = "retry" if outcome.is_failure else "ok"
        except Exception:
            log.exception("reconcile failed", extra={"agent": "/".join(key)})
            outcome = Outcome(is_failure=True)
        finally:
            self._free.release()
        now = self._clock.monotonic()
        self._metrics.reconcile_seconds.labels(result).observe(now - started)
        if outcome.is_failure:
            self._queue.failed(key, now, outcome.at_least_s)
        else:
            self._queue.done(key, now, outcome.again_in_s)
        self._wake.set()
