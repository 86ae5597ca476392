"""News from the streams: into the indexes, and agents that they concern into the queue."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

from codelab_core.clock import Clock
from codelab_operator.api_errors import ApiError
from codelab_operator.children import ObjectKey
from codelab_operator.handlers import SELECTOR
from codelab_operator.inbox import Complete, Gone, Item, Listed
from codelab_operator.kinds import AGENT, KINDS, LEASE, Kind
from codelab_operator.live_cluster import LiveCluster
from codelab_operator.observations import AgentKey, Sighting, sighting

CHILD_S: Final = 0.02
"""Changes of children come in bursts: one pass for all of them."""
RECHECK_S: Final = 1.0

log = logging.getLogger(__name__)


class Lists(Protocol):
    """What a check after a new list needs of the API server."""

    async def list(
        self, kind: Kind, namespace: str, selector: str
    ) -> "list[dict[str, object]]": ...


class Intake:
    """Takes what the inbox hands out; `add(key, delay, urgent)` lets a pass happen."""

    def __init__(
        self,
        cluster: LiveCluster,
        api: Lists,
        clock: Clock,
        lease: tuple[ObjectKey, str],
        add: Callable[[AgentKey, float, bool], None],
    ) -> None:
        self._cluster = cluster
        self._api = api
        self._clock = clock
        self._lease = lease
        self._add = add
        self._early: set[AgentKey] = set()
        self._listed: set[tuple[str, str]] = set()
        self._recheck: asyncio.Queue[tuple[Kind, str]] = asyncio.Queue()
        self.is_complete = False
        """Every kind has been listed once."""
        self.lease_seen_at = clock.monotonic()
        """When a stream last showed our own Lease."""

    def take(self, item: Item) -> None:
        """One item of the inbox."""
        match item:
            case Sighting():
                self._saw(item)
            case Gone():
                self._lost(item.key, item.agent, item.uid)
            case Listed():
                self._was_listed(item)
            case Complete():
                self._complete()

    async def run(self) -> None:
        """Check for ever what was listed anew: what vanished before it, no stream ever tells."""
        while True:
            kind, namespace = await self._recheck.get()
            await asyncio.sleep(RECHECK_S)
            try:
                await self._check(kind, namespace)
            except ApiError as error:
                log.warning("list failed", extra={"kind": kind.name, "reason": str(error)})
                self._recheck.put_nowait((kind, namespace))

    def _saw(self, seen: Sighting) -> None:
        """An object as a stream showed it."""
        if seen.key.kind == LEASE.name:
            if seen.key == self._lease[0] and self._lease[1].encode() in seen.body:
                self.lease_seen_at = self._clock.monotonic()
            return
        if self._cluster.saw(seen) and seen.agent:
            self._touch(AgentKey(seen.key.namespace, seen.agent), seen.key.kind == AGENT.name)

    def _lost(self, key: ObjectKey, agent: str, uid: str) -> None:
        """An object is gone."""
        name = key.name if key.kind == AGENT.name else agent
        known = self._cluster.observations.get(key)
        if known is not None and known.agent:
            name = known.agent  # it may have lost the label that names its agent
        if self._cluster.lost(key, uid) and name:
            self._touch(AgentKey(key.namespace, name), key.kind == AGENT.name)

    def _touch(self, key: AgentKey, is_agent: bool) -> None:  # noqa: FBT001 -- of two sources
        """Let a pass happen; before everything is listed, later."""
        if not self.is_complete:
            self._early.add(key)
        elif is_agent:
            self._add(key, 0.0, True)  # noqa: FBT003 -- a callback takes no keywords
        else:
            self._add(key, CHILD_S, False)  # noqa: FBT003 -- a callback takes no keywords

    def _complete(self) -> None:
        """From now on news are news."""
        self.is_complete = True
        for key in sorted(self._early):
            self._add(key, 0.0, False)  # noqa: FBT003 -- a callback takes no keywords
        self._early.clear()

    def _was_listed(self, listed: Listed) -> None:
        """A first list is complete; a second one may lack what vanished in between."""
        place = (listed.plural, listed.namespace)
        if place in self._listed:
            kind = next((k for k in KINDS if k.plural == listed.plural), None)
            if kind is not None and (kind.is_child or kind is AGENT):
                self._recheck.put_nowait((kind, listed.namespace))
        self._listed.add(place)

    async def _check(self, kind: Kind, namespace: str) -> None:
        """Compare the index with a list of our own."""
        before = self._cluster.observations.of_kind(kind.api_version, kind.name, namespace)
        selector = SELECTOR if kind.is_child else ""
        there = [sighting(found) for found in await self._api.list(kind, namespace, selector)]
        for seen in there:
            self._saw(seen)
        uids = {seen.uid for seen in there}
        for known in before:
            if known.uid not in uids and self._cluster.observations.get(known.key) == known:
                self._lost(known.key, known.agent, known.uid)
