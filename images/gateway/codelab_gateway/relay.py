"""One upstream event stream per session on this process, fanned out to its connections.

Bytes pass through; the gateway reads numbers, never text. Hot: benchmarks/token_path.py.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final, Protocol

import aiohttp
import orjson

from codelab_core.backoff import Backoff
from codelab_core.errors import CodelabError
from codelab_core.sse import SseEvent
from codelab_gateway.runtime_client import RuntimeClient

RING_EVENTS: Final = 512
RING_BYTES: Final = 262_144
RETRY: Final = Backoff(first_s=0.05, longest_s=2.0)
DEGRADED_AFTER: Final = 2
"""Failed connects in a row after which clients are told."""

log = logging.getLogger(__name__)


class Subscriber(Protocol):
    """A connection that follows a session; `last` is the seq of the last event it was given."""

    epoch: str
    last: int

    def event(self, seq: int, data: bytes) -> None:
        """The next event."""

    def resync(self, data: bytes) -> None:
        """The log began anew, or the position is too old: start from this snapshot."""

    def degraded(self, *, state: bool) -> None:
        """The way to the log is broken, or works again."""

    def gone(self) -> None:
        """The session was removed."""


class Relay:
    """The stream of one session. `over` is called when the last subscriber has left."""

    def __init__(
        self, session_id: str, principal: str, client: RuntimeClient, jitter: Random
    ) -> None:
        self.session_id = session_id
        self.principal = principal
        self._client = client
        self._jitter = jitter
        self.epoch = ""
        self.last = 0
        self.subscribers: set[Subscriber] = set()
        self._ring: deque[bytes] = deque()
        self._ring_bytes = 0
        self._failures = 0

    @property
    def first(self) -> int:
        """The oldest seq in the ring, or the next one to come."""
        return self.last - len(self._ring) + 1

    def join(self, subscriber: Subscriber) -> bool:
        """Let a subscriber follow from its position; false where the ring does not reach back.

        The first subscriber sets the position of the stream.
        """
        if not self.subscribers and not self._ring:
            self.epoch, self.last = subscriber.epoch, subscriber.last
        if subscriber.epoch != self.epoch or subscriber.last + 1 < self.first:
            return False
        for seq, data in enumerate(self._ring, self.first):
            if seq > subscriber.last:
                subscriber.event(seq, data)
        self.subscribers.add(subscriber)
        return True

    async def catch_up(self, subscriber: Subscriber) -> None:
        """Give a subscriber what is older than the ring, on a stream of its own."""
        position = f"{subscriber.epoch}:{subscriber.last}"
        async for events in self._client.events(self.session_id, self.principal, position):
            for event in events:
                _hand_over(subscriber, event)
            if subscriber.epoch == self.epoch and subscriber.last + 1 >= self.first:
                return

    async def run(self) -> None:
        """Read until cancelled; a stream that ends is opened again where it ended."""
        delays = RETRY.delays(self._jitter.uniform)
        while True:
            try:
                await self._read()
                delays = RETRY.delays(self._jitter.uniform)
            except CodelabError as error:
                if error.kind.status in {404, 410}:
                    self._tell(Subscriber.gone)
                    return
                self._failed()
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._failed()
            await asyncio.sleep(next(delays))

    async def _read(self) -> None:
        """One connection's worth of the stream."""
        position = f"{self.epoch}:{self.last}"
        async for events in self._client.events(self.session_id, self.principal, position):
            if self._failures >= DEGRADED_AFTER:
                self._tell(lambda subscriber: subscriber.degraded(state=False))
            self._failures = 0
            for event in events:
                if not self._take(event):
                    return

    def _take(self, event: SseEvent) -> bool:
        """One event of the stream; false when the stream is over."""
        if event.id:
            return self._log_event(event)
        match event.kind:
            case b"resync":
                self._restart(event.data)
            case b"drain" | b"slow":
                return False
            case b"gone":
                self._tell(Subscriber.gone)
        return True

    def _log_event(self, event: SseEvent) -> bool:
        """A numbered event: the next one is passed on, a known one dropped, a gap read again."""
        seq = int(event.id.rpartition(b":")[2])
        if seq <= self.last:
            return True
        if seq != self.last + 1:
            log.error("gap in the event stream", extra={"expected": self.last + 1, "got": seq})
            return False
        self.last = seq
        self._ring.append(event.data)
        self._ring_bytes += len(event.data)
        while len(self._ring) > RING_EVENTS or self._ring_bytes > RING_BYTES:
            self._ring_bytes -= len(self._ring.popleft())
        for subscriber in self.subscribers:
            if seq == subscriber.last + 1:
                subscriber.event(seq, event.data)
        return True

    def _restart(self, data: bytes) -> None:
        """The runtime could not continue from our position: everybody starts from its snapshot."""
        body = orjson.loads(data)
        self.epoch, self.last = body["epoch"], body["seq"]
        self._ring.clear()
        self._ring_bytes = 0
        self._tell(lambda subscriber: subscriber.resync(data))

    def _failed(self) -> None:
        """The runtime could not be reached; after the second time clients are told."""
        self._failures += 1
        if self._failures == DEGRADED_AFTER:
            self._tell(lambda subscriber: subscriber.degraded(state=True))

    def _tell(self, what: Callable[[Subscriber], None]) -> None:
        """Tell every subscriber."""
        for subscriber in list(self.subscribers):
            what(subscriber)


def _hand_over(subscriber: Subscriber, event: SseEvent) -> None:
    """One event of a subscriber's own stream."""
    if event.id:
        seq = int(event.id.rpartition(b":")[2])
        if seq == subscriber.last + 1:
            subscriber.event(seq, event.data)
    elif event.kind == b"resync":
        subscriber.resync(event.data)
