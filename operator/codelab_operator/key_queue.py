"""Which agent is due when: each key once, delays merged, failures spread out. Pure.

Time is passed in: seconds of any clock that does not jump.
"""

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 300.0

Uniform = Callable[[float, float], float]
"""A number between the two, from the source of randomness."""


@dataclass(slots=True)
class _Entry:
    """The state of one key."""

    due: float | None = None
    """Since when it may run; None: nothing is to be done."""
    floor: float = float("-inf")
    """Not before this time, whatever happens around it: the backoff of a failure."""
    failures: int = 0
    is_running: bool = False


@dataclass(slots=True)
class KeyQueue[Key: Hashable]:
    """A key runs once at a time; what comes meanwhile makes it run once more."""

    uniform: Uniform
    _entries: dict[Key, _Entry] = field(default_factory=dict)
    _heap: list[tuple[float, int, Key]] = field(default_factory=list)
    _count: int = 0
    """Ties go to who came first."""

    def add(self, key: Key, now: float, delay_s: float = 0.0, *, is_urgent: bool = False) -> None:
        """Let a key run in `delay_s`; one that is due earlier stays so.

        After a failure it waits for its backoff, but an urgent one does not: a person changed
        something.
        """
        entry = self._entries.setdefault(key, _Entry())
        if is_urgent:
            entry.floor = float("-inf")
        self._schedule(key, entry, max(now + delay_s, entry.floor))

    def take(self, now: float) -> Key | None:
        """The key that has been due longest, from now on running; None: none is due."""
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            entry = self._entries.get(key)
            if entry is None or entry.due != due or entry.is_running:
                continue  # it was moved, taken or forgotten since
            entry.due, entry.is_running = None, True
            return key
        return None

    def done(self, key: Key, now: float, again_in_s: float | None = None) -> None:
        """A run succeeded; `again_in_s`: look again after this time."""
        entry = self._entries[key]
        entry.is_running, entry.failures, entry.floor = False, 0, float("-inf")
        if again_in_s is not None:
            self._schedule(key, entry, now + again_in_s)
        self._rest(key, entry)

    def failed(self, key: Key, now: float, at_least_s: float = 0.0) -> float:
        """A run failed; how long the key waits: 0.2 s · 2ⁿ with full jitter, or what was asked."""
        entry = self._entries[key]
        entry.is_running = False
        ceiling = min(FIRST_BACKOFF_S * 2.0 ** min(entry.failures, 16), LONGEST_BACKOFF_S)
        wait_s = max(self.uniform(0.0, ceiling), at_least_s)
        entry.failures, entry.floor = entry.failures + 1, now + wait_s
        entry.due = None
        self._schedule(key, entry, entry.floor)
        return wait_s

    def next_due(self) -> float | None:
        """When the next key may run; None: nothing waits."""
        while self._heap:
            due, _, key = self._heap[0]
            entry = self._entries.get(key)
            if entry is not None and entry.due == due and not entry.is_running:
                return due
            heapq.heappop(self._heap)
        return None

    def oldest_age_s(self, now: float) -> float:
        """For how long the key that waits longest has been due; 0.0 when none is."""
        due = self.next_due()
        return max(now - due, 0.0) if due is not None else 0.0

    def depth(self) -> int:
        """Keys that wait or run."""
        return len(self._entries)

    def _schedule(self, key: Key, entry: _Entry, due: float) -> None:
        """Note when a key may run, unless it already may earlier."""
        if entry.due is not None and entry.due <= due:
            return
        entry.due = due
        if not entry.is_running:
            self._push(key, due)

    def _push(self, key: Key, due: float) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, key))

    def _rest(self, key: Key, entry: _Entry) -> None:
        """After a run: wait for what came meanwhile, or be forgotten."""
        if entry.due is None:
            del self._entries[key]
        else:
            self._push(key, entry.due)
