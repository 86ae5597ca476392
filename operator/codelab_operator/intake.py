"""News from the streams: into the indexes, and agents that they concern into the queue."""

from collections.abc import Callable, Iterable
from typing import Final

from codelab_core.clock import Clock
from codelab_operator.children import ObjectKey
from codelab_operator.inbox import Gone, Item, Listing
from codelab_operator.kinds import AGENT, KINDS, LEASE, Kind
from codelab_operator.live_cluster import LiveCluster
from codelab_operator.observations import AgentKey, Sighting

CHILD_S: Final = 0.02
"""Changes of children come in bursts: one pass for all of them. The loss of one is waited for."""


class Intake:
    """Takes what the inbox hands out; `add(key, delay, urgent)` lets a pass happen."""

    def __init__(
        self,
        cluster: LiveCluster,
        clock: Clock,
        lease: tuple[ObjectKey, str],
        add: Callable[[AgentKey, float, bool], None],
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._lease = lease
        self._add = add
        self._early: set[AgentKey] = set()
        self._missing: set[tuple[str, str]] = set()
        self.is_complete = False
        """Every kind has been listed once."""
        self.lease_seen_at = clock.monotonic()
        """When a stream last showed our own Lease."""

    def expect(self, kinds: Iterable[Kind], namespaces: Iterable[str]) -> None:
        """Before each of these has been listed, no pass happens: children would look missing."""
        places = tuple(namespaces) or ("",)
        if not self.is_complete:
            self._missing = {(kind.plural, place) for kind in kinds for place in places}

    def take(self, item: Item) -> None:
        """One item of the inbox."""
        match item:
            case Sighting():
                self._saw(item)
            case Gone():
                self._lost(item.key, item.agent, item.uid)
            case Listing():
                self._was_listed(item)

    def _saw(self, seen: Sighting) -> None:
        """An object as a stream showed it."""
        if seen.key.kind == LEASE.name:
            if seen.key == self._lease[0] and self._lease[1].encode() in seen.rest:
                self.lease_seen_at = self._clock.monotonic()
            return
        if self._cluster.saw(seen) and seen.agent:
            is_agent = seen.key.kind == AGENT.name
            delay_s = 0.0 if is_agent else CHILD_S
            self._touch(AgentKey(seen.key.namespace, seen.agent), delay_s, is_agent)

    def _lost(self, key: ObjectKey, agent: str, uid: str) -> None:
        """An object is gone."""
        name = key.name if key.kind == AGENT.name else agent
        known = self._cluster.observations.get(key)
        if known is not None and known.agent:
            name = known.agent  # it may have lost the label that names its agent
        if self._cluster.lost(key, uid) and name:
            self._touch(AgentKey(key.namespace, name), 0.0, key.kind == AGENT.name)

    def _touch(self, key: AgentKey, delay_s: float, is_agent: bool) -> None:  # noqa: FBT001 -- of two sources
        """Let a pass happen; before everything is listed, later."""
        if not self.is_complete:
            self._early.add(key)
        else:
            self._add(key, delay_s, is_agent)

    def _was_listed(self, listing: Listing) -> None:
        """What is known and not in a list any more is gone, without any event for it."""
        kind = next(kind for kind in KINDS if kind.plural == listing.plural)
        known = self._cluster.observations.of_kind(kind.api_version, kind.name, listing.namespace)
        for seen in listing.objects:
            self._saw(seen)
        uids = {seen.uid for seen in listing.objects}
        for seen in known:
            if seen.uid not in uids and seen.version <= listing.version:
                self._lost(seen.key, seen.agent, seen.uid)
        self._missing.discard((listing.plural, listing.namespace))
        if not self._missing:
            self._complete()

    def _complete(self) -> None:
        """From now on news are news."""
        self.is_complete = True
        for key in sorted(self._early):
            self._add(key, 0.0, False)  # noqa: FBT003 -- a callback takes no keywords
        self._early.clear()
