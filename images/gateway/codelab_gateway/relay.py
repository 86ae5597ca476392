"""One upstream event stream per session on this process, fanned out to its connections.

Bytes pass through; the gateway reads numbers, never text. Hot: benchmarks/token_path.py.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from random import Random
from typing import Final, Protocol

import orjson

from codelab_core.backoff import Backoff
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.frames import CloseCode
from codelab_core.sse import SseEvent
from codelab_gateway.runtime_client import RuntimeClient

RING_EVENTS: Final = 512
RING_BYTES: Final = 262_144
BATCH: Final = 256
"""Events after which the sockets get their turn: a long history is no slow reader's fault."""
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

    def gone(self, error: CodelabError) -> None:
        """There will be no more events: the session was removed, or we cannot go on."""

    async def room(self) -> None:
        """Return when a batch of events may come."""


class Relay:
    """The stream of one session. `is_over` once the session is gone."""

    def __init__(
        self, session_id: str, principal: str, client: RuntimeClient, jitter: Random
    ) -> None:
        self.session_id = session_id
        self.principal = principal
        self._client = client
        self._jitter = jitter
        self.epoch = ""
        self.last = 0
        self.is_over = False
        self.subscribers: set[Subscriber] = set()
        self._ring: deque[bytes] = deque()
        self._ring_bytes = 0
        self._failures = 0
        self._tried: set[str] = set()

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
        if self._failures >= DEGRADED_AFTER:
            subscriber.degraded(state=True)
        for seq, data in enumerate(self._ring, self.first):
            if seq > subscriber.last:
                subscriber.event(seq, data)
        self.subscribers.add(subscriber)
        return True

    async def catch_up(self, subscriber: Subscriber) -> None:
        """Give a subscriber what is older than the ring, on a stream of its own.

        Returns when the ring reaches back far enough, or the stream ended. Raises as
        `RuntimeClient.events` does.
        """
        position = f"{subscriber.epoch}:{subscriber.last}"
        stream = self._client.events(self.session_id, self.principal, position)
        async with aclosing(stream) as batches:
            async for events in batches:
                for start in range(0, len(events), BATCH):
                    await subscriber.room()
                    for event in events[start : start + BATCH]:
                        _hand_over(subscriber, event)
                if subscriber.epoch == self.epoch and subscriber.last + 1 >= self.first:
                    return

    async def run(self) -> None:
        """Read until cancelled, or until the session is gone.

        A stream that ends is opened again where it ended. Nothing that goes wrong here may end the
        process, which serves other sessions too.
        """
        delays = RETRY.delays(self._jitter.uniform)
        while True:
            before = self.last
            try:
                await self._read()
            except CodelabError as error:
                if error.kind.close is CloseCode.SESSION_UNKNOWN:
                    self._end(error)
                    return
                self._failed()
            except Exception:
                log.exception("event stream failed")
                self._failed()
            if self.last != before:
                delays = RETRY.delays(self._jitter.uniform)
            await asyncio.sleep(next(delays))

    async def _read(self) -> None:
        """One connection's worth of the stream."""
        position = f"{self.epoch}:{self.last}"
        stream = self._client.events(self.session_id, self.principal, position, self._tried)
        async with aclosing(stream) as batches:
            async for events in batches:
                self._works()
                for number, event in enumerate(events, 1):
                    if not self._take(event):
                        return
                    if not number % BATCH:
                        await asyncio.sleep(0)

    def _works(self) -> None:
        """The runtime answers."""
        if self._failures >= DEGRADED_AFTER:
            self._tell(lambda subscriber: subscriber.degraded(state=False))
        self._failures = 0
        self._tried.clear()

    def _take(self, event: SseEvent) -> bool:
        """One event of the stream; false where it has to be opened again."""
        if event.id:
            return self._log_event(event)
        if event.comment:
            return self._is_level(event.data)
        match event.kind:
            case b"resync":
                self._restart(event.data)
            case b"drain" | b"slow":
                return False
            case b"gone":
                raise CodelabError(Code.SESSION_NOT_FOUND)
        return True

    def _is_level(self, comment: bytes) -> bool:
        """Whether we have what `head <epoch>:<seq>` names: it came after all events up to it."""
        name, _, position = comment.partition(b" ")
        epoch, _, number = position.rpartition(b":")
        if name != b"head" or (epoch == self.epoch.encode() and int(number) <= self.last):
            return True
        log.warning("event stream behind the log", extra={"at": self.last})
        return False

    def _log_event(self, event: SseEvent) -> bool:
        """A numbered event: the next one is passed on, a known one dropped, a gap read again."""
        epoch, _, number = event.id.rpartition(b":")
        seq = int(number)
        if seq <= self.last:
            return True
        if seq != self.last + 1 or epoch != self.epoch.encode():
            log.error("gap in the event stream", extra={"expected": self.last + 1, "got": seq})
            return False
        self.last = seq
        self._ring.append(event.data)
        self._ring_bytes += len(event.data)
        while len(self._ring) > RING_EVENTS or self._ring_bytes > RING_BYTES:
            self._ring_bytes -= len(self._ring.popleft())
        self._tell(lambda subscriber: _give(subscriber, seq, event.data))
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

    def _end(self, error: CodelabError) -> None:
        """The session is gone; who comes later starts another relay."""
        self.is_over = True
        self._tell(lambda subscriber: subscriber.gone(error))

    def _tell(self, what: Callable[[Subscriber], None]) -> None:
        """Tell every subscriber; one that fails is alone with it."""
        for subscriber in list(self.subscribers):
            try:
                what(subscriber)
            except Exception:
                log.exception("subscriber failed")
                self.subscribers.discard(subscriber)
                subscriber.gone(CodelabError(Code.INTERNAL))


def _give(subscriber: Subscriber, seq: int, data: bytes) -> None:
    """An event for a subscriber that has not had it."""
    if seq == subscriber.last + 1:
        subscriber.event(seq, data)


def _hand_over(subscriber: Subscriber, event: SseEvent) -> None:
    """One event of a subscriber's own stream."""
    if event.id:
        _give(subscriber, int(event.id.rpartition(b":")[2]), event.data)
    elif event.kind == b"resync":
        subscriber.resync(event.data)
