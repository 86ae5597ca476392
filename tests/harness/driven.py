"""An operator without process, streams or time: a test says what it sees, and when."""

import asyncio
from dataclasses import dataclass, field
from itertools import count

import orjson
from prometheus_client import CollectorRegistry

from codelab_operator.asking import Asking
from codelab_operator.children import Manifest, ObjectKey, Offering
from codelab_operator.events import Note
from codelab_operator.findings import Health
from codelab_operator.handlers import SELECTOR
from codelab_operator.inbox import Listing, gone
from codelab_operator.intake import Intake
from codelab_operator.key_queue import KeyQueue
from codelab_operator.kinds import AGENT, CHILDREN, LEASE, Kind
from codelab_operator.live_cluster import LiveCluster
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey, sighting
from codelab_operator.reconcile import Reconciler
from fakes.clock import HandClock
from fakes.cluster.direct import DirectApi
from fakes.cluster.server import FakeCluster
from fakes.cluster.watching import View, line_of

WATCHED = (AGENT, *CHILDREN)
LEASE_KEY = ObjectKey(LEASE.api_version, LEASE.name, "default", "codelab-operator")
EVERYTHING = Offering(service_monitors=True, http_routes=True)
NOTHING_KNOWN = Health()
HORIZON_S = 400.0
"""What is due later counts as rest: backoff ends within 300 s."""
RESYNC_S = 700.0
"""Longer than refusals and truces last, and than it takes to look at every agent."""
TURNS = 4
"""Turns of the loop in which the toy controllers of the fake cluster act."""
MOST_PASSES = 400


class CrashError(Exception):
    """The operator dies here."""


async def crash() -> None:
    """A hook for faults."""
    raise CrashError


@dataclass(slots=True)
class Neighbours:
    """The `Surroundings` of a pass; what it was told is kept."""

    offered: Offering = EVERYTHING
    facts: Health | None = NOTHING_KNOWN
    told: list[Note] = field(default_factory=list)
    followed: dict[AgentKey, Asking] = field(default_factory=dict)
    rediscoveries: int = 0

    def offering(self) -> Offering:
        return self.offered

    def rediscover(self) -> None:
        self.rediscoveries += 1

    def health(self, key: AgentKey) -> Health | None:
        return self.facts

    def ask(self, key: AgentKey, what: Asking) -> None:
        self.followed[key] = what

    def forgotten(self, key: AgentKey) -> None:
        self.followed.pop(key, None)

    def tell(self, resource: Manifest, note: Note) -> None:
        self.told.append(note)


class Driven:
    """One operator on a fake cluster. `leads`: whether its fence is open."""

    def __init__(self, cluster: FakeCluster, clock: HandClock) -> None:
        self.cluster, self.clock = cluster, clock
        self.leads = True
        self.metrics = Metrics(CollectorRegistry())
        self.around = Neighbours()
        tokens = count()
        api = DirectApi(cluster)
        self.live = LiveCluster(api, lambda: self.leads, clock, self.metrics)
        self.reconciler = Reconciler(
            self.live, self.around, clock, lambda: f"token-{next(tokens)}", self.metrics
        )
        self.queue = KeyQueue[AgentKey](lambda low, high: (low + high) / 2)
        self.intake = Intake(self.live, clock, (LEASE_KEY, "us"), self._add)
        self.intake.expect(WATCHED, ())
        self._seen: dict[str, int] = {}
        """Version up to which a stream has delivered, by plural."""

    def _add(self, key: AgentKey, delay_s: float, is_urgent: bool) -> None:  # noqa: FBT001 -- a callback
        self.queue.add(key, self.clock.monotonic(), delay_s, is_urgent=is_urgent)

    def deliver(self, kind: Kind, most: int | None = None) -> None:
        """Let a stream deliver what it has not, `most` changes of it; a 410 becomes a list."""
        collection = self.cluster.store.of(kind.name)
        since = self._seen.get(kind.plural, -1)
        view = View(labels=SELECTOR if kind.is_child else "")
        if since < collection.compacted:
            shown = [s.manifest for s in collection.objects.values() if view.shows(s)]
            version = self.cluster.store.version
            objects = tuple(sighting(manifest) for manifest in shown)
            self.intake.take(Listing(kind.plural, "", version, objects))
            self._seen[kind.plural] = version
            return
        for change in [c for c in collection.history if c.version > since][:most]:
            if line := line_of(change, view):
                self._take(orjson.loads(line))
            self._seen[kind.plural] = change.version

    def rewind(self, kind: Kind, count: int) -> None:
        """Let a stream deliver its last changes once more."""
        history = self.cluster.store.of(kind.name).history
        since = self._seen.get(kind.plural, -1)
        seen = [change.version for change in history if change.version <= since]
        if seen[-count:]:
            self._seen[kind.plural] = seen[-count:][0] - 1

    def _take(self, event: Manifest) -> None:
        body = event["object"]
        self.intake.take(gone(body) if event["type"] == "DELETED" else sighting(body))

    def deliver_all(self) -> None:
        """Let every stream deliver everything."""
        for kind in WATCHED:
            self.deliver(kind)

    async def passes(self, most: int = MOST_PASSES) -> int:
        """Work on what is due now; how many passes that took. Raises `CrashError`."""
        done = 0
        while done < most and (key := self.queue.take(self.clock.monotonic())) is not None:
            done += 1
            try:
                outcome = await self.reconciler(key)
            except* CrashError:
                raise CrashError from None
            if outcome.is_failure:
                self.queue.failed(key, self.clock.monotonic(), outcome.at_least_s)
            else:
                self.queue.done(key, self.clock.monotonic(), outcome.again_in_s)
        await turns()
        return done

    async def settle(self, horizon_s: float = HORIZON_S) -> None:
        """Streams deliver, passes happen, time goes on, until nothing is due for so long."""
        for _ in range(MOST_PASSES):
            await turns()
            self.deliver_all()
            if await self.passes():
                continue
            due, now = self.queue.next_due(), self.clock.monotonic()
            if due is None or due - now > horizon_s:
                return
            self.clock.advance(max(due - now, 0.0))
        raise AssertionError("it never comes to rest")

    async def resync(self, span_s: float = RESYNC_S, horizon_s: float = HORIZON_S) -> None:
        """Time goes on, then every agent is looked at."""
        self.clock.advance(span_s)
        for key in self.live.observations.agents():
            self.queue.add(key, self.clock.monotonic())
        await self.settle(horizon_s)


async def turns() -> None:
    """Let the toy controllers act."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
