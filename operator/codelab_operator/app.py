"""The operator: stands by, leads, and ends; what is built, and in which order it goes."""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry

from codelab_core.clock import SYSTEM_CLOCK, jitter_source, random_hex, random_token
from codelab_operator.around import Around
from codelab_operator.connection import connection
from codelab_operator.discovery import Discovery
from codelab_operator.events import Events
from codelab_operator.handlers import Streams
from codelab_operator.health import HealthChecks
from codelab_operator.inbox import Inbox
from codelab_operator.intake import Intake
from codelab_operator.kinds import AGENT, Kind
from codelab_operator.kube import Kube
from codelab_operator.leader import Election
from codelab_operator.live_cluster import LiveCluster
from codelab_operator.liveness import Pulse, ailments
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey
from codelab_operator.probes import ProbeServer, Verdict
from codelab_operator.reconcile import Reconciler
from codelab_operator.settings import OperatorSettings
from codelab_operator.workqueue import WorkQueue

BEAT_S: Final = 1.0
LAST_WRITES_S: Final = 1.0

log = logging.getLogger(__name__)


def end_process() -> None:
    """End at once: nothing after this line can write."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(1)


class Operator:
    """One process. `run` returns after `stopping` was set."""

    def __init__(self, settings: OperatorSettings, end: Callable[[], None] = end_process) -> None:
        clock, uniform = SYSTEM_CLOCK, jitter_source().uniform
        identity = f"{settings.pod_name}_{random_hex(8)}"
        self._settings, self._clock, self._uniform, self._end = settings, clock, uniform, end
        self.stopping = asyncio.Event()
        self._metrics = Metrics(CollectorRegistry())
        self._place = connection(settings, clock.monotonic)
        self._kube = Kube(
            self._place, self._metrics, clock, f"codelab-operator/{settings.pod_name}"
        )
        self._election = Election(self._kube, settings, identity, clock, end)
        self._cluster = LiveCluster(self._kube, self._election.may_write, clock, self._metrics)
        self._events = Events(self._kube, identity, clock, self._metrics)
        self._discovery = Discovery(self._kube, settings, self._serve)
        self._health = HealthChecks(settings.health_url, clock, uniform, self._touch)
        around = Around(self._discovery, self._health, self._events)
        reconciler = Reconciler(self._cluster, around, clock, random_token, self._metrics)
        self._queue = WorkQueue(reconciler, clock, uniform, self._metrics)
        self._reconciler = reconciler
        self._intake = Intake(self._cluster, clock, (self._election.key, identity), self._add)
        self._inbox = Inbox(self._intake.take)
        self._streams: Streams | None = None
        self._beat_at = clock.monotonic()
        self._oldest_due_s = 0.0
        self._is_leading = False

    async def run(self) -> None:
        """Stand by, lead, and on `stopping` give the lead away."""
        place = (self._settings.host, self._settings.port)
        probes = ProbeServer(place, self._is_alive, self._is_ready, self._metrics.registry)
        log.info("started", extra={"port": probes.port})
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._beat()), tasks.create_task(self._lead())]
                await self.stopping.wait()
                await self._cluster.close(LAST_WRITES_S)
                for task in running:
                    task.cancel()
            await self._election.release()
        finally:
            if self._streams is not None:
                await self._streams.stop()
            await self._kube.close()
            probes.close()

    async def _lead(self) -> None:
        """Win, then work until cancelled."""
        await self._election.win()
        self._is_leading = True
        self._metrics.leader.set(1)
        self._intake.lease_seen_at = self._clock.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for work in (
                self._election.keep(),
                self._election.watch_deadline(),
                self._discovery.run(),
                self._queue.run(),
                self._events.run(),
                self._health.run(),
                self._resync(),
            ):
                tasks.create_task(work)

    async def _serve(self, kinds: tuple[Kind, ...]) -> None:
        """Watch these kinds from now on; every agent may need other children."""
        if self._streams is not None:
            await self._streams.stop()
        self._intake.expect((AGENT, *kinds), self._settings.served())
        self._streams = Streams(self._settings, self._place, kinds, self._inbox.put, self._end)
        self._streams.start()
        for key in self._cluster.observations.agents():
            self._queue.add(key)

    async def _resync(self) -> None:
        """Look at every agent now and then, spread over time; no request comes of it."""
        while True:
            span_s = self._settings.resync_s * self._uniform(0.8, 1.2)
            await asyncio.sleep(span_s)
            for key in self._cluster.observations.agents():
                self._queue.add(key, self._uniform(0.0, span_s / 10))

    async def _beat(self) -> None:
        """Show that the loop runs, and how late it is."""
        while True:
            asked = self._clock.monotonic()
            await asyncio.sleep(BEAT_S)
            self._beat_at = self._clock.monotonic()
            self._metrics.loop_lag_seconds.set(max(self._beat_at - asked - BEAT_S, 0.0))
            self._metrics.queue_depth.set(self._queue.depth())
            self._oldest_due_s = self._queue.oldest_age_s()
            self._metrics.queue_age_seconds.set(self._oldest_due_s)
            for answer, count in self._reconciler.census().items():
                self._metrics.agents.labels(answer).set(count)

    def _add(self, key: AgentKey, delay_s: float, is_urgent: bool) -> None:  # noqa: FBT001 -- a callback
        self._queue.add(key, delay_s, is_urgent=is_urgent)

    def _touch(self, key: AgentKey) -> None:
        self._queue.add(key)

    def _is_alive(self) -> Verdict:
        """`/healthz`, from the probes' thread: reads numbers only."""
        now = self._clock.monotonic()
        is_watching = self._is_leading and self._discovery.is_lease_watched
        oldest = min((at for _, at in list(self._cluster.awaited.values())), default=now)
        found = ailments(
            Pulse(
                now - self._beat_at,
                self._oldest_due_s if self._is_leading else 0.0,
                now - self._intake.lease_seen_at if is_watching else 0.0,
                now - oldest,
            )
        )
        return Verdict(not found, "; ".join(found) or "ok")

    def _is_ready(self) -> Verdict:
        """`/readyz`: a standby is ready, too."""
        role = "leading" if self._is_leading else "standby"
        return Verdict(self._election.has_looked, f"{role}; {self._discovery.text()}")
