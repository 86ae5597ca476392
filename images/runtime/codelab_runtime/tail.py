"""The end of one session's log in this process: fed by the owner or by pub/sub, read by streams.

Takes `last + 1` only; whatever is missing is fetched from the log, so it never matters which source
delivered. Hot: benchmarks/token_path.py.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

RING_EVENTS: Final = 512
RING_BYTES: Final = 262_144
STREAM_EVENTS: Final = 1_024
STREAM_BYTES: Final = 1_048_576


class Stream:
    """What one SSE response still has to write; over its bound the reader is slow and is cut.

    `after`: the reader has all events up to this one.
    """

    __slots__ = ("_count", "_parts", "_size", "after", "changed", "ended", "slow")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0
        self._size = 0
        self.after = 0
        self.changed = asyncio.Event()
        self.slow = False
        self.ended = False

    def push(self, part: bytes) -> None:
        """Add bytes to write; nothing is added to a slow stream. One part of any size fits."""
        if self.slow or self.ended:
            return
        self._parts.append(part)
        self._count += 1
        self._size += len(part)
        self.slow = self._count > STREAM_EVENTS or (self._size > STREAM_BYTES and self._count > 1)
        self.changed.set()

    def end(self) -> None:
        """Write what is there, then end the response."""
        self.ended = True
        self.changed.set()

    async def take(self) -> bytes:
        """All bytes waiting, at least one; empty when the stream is over."""
        await self.changed.wait()
        self.changed.clear()
        parts, self._parts = self._parts, []
        self._count = self._size = 0
        return b"".join(parts)


class Tail:
    """Ring of the newest events of one session, and the streams that follow it.

    `lacks` is true when events are missing: `alarm` then has the registry fetch from the log.
    """

    def __init__(self, session_id: str, epoch: str, last: int, alarm: asyncio.Event) -> None:
        self.session_id = session_id
        self.epoch = epoch
        self.last = last
        self.lacks = False
        self._alarm = alarm
        self.streams: set[Stream] = set()
        self._ring: deque[bytes] = deque()
        self._ring_bytes = 0

    @property
    def first(self) -> int:
        """The oldest seq in the ring, or the next one to come."""
        return self.last - len(self._ring) + 1

    def feed(self, epoch: str, first_seq: int, events: Sequence[bytes]) -> None:
        """Take events numbered from `first_seq`; known ones are dropped, a gap is left to fetch."""
        if epoch != self.epoch or first_seq > self.last + 1:
            self.lacks = True
            self._alarm.set()
            return
        for seq, event in enumerate(events, first_seq):
            if seq == self.last + 1:
                self._append(seq, event)

    def _append(self, seq: int, event: bytes) -> None:
        """One more event: into the ring, and to every stream whose reader does not have it."""
        frame = b"id: %b:%d\ndata: %b\n\n" % (self.epoch.encode(), seq, event)
        self.last = seq
        self._ring.append(frame)
        self._ring_bytes += len(frame)
        while len(self._ring) > RING_EVENTS or self._ring_bytes > RING_BYTES:
            self._ring_bytes -= len(self._ring.popleft())
        for stream in self.streams:
            if seq > stream.after:
                stream.push(frame)

    def heard(self, message: bytes) -> None:
        """Take a message of the session's channel: `<epoch> <first seq>`, then the events."""
        head, _, body = message.partition(b"\n")
        epoch, _, first = head.partition(b" ")
        self.feed(epoch.decode(), int(first), body.split(b"\n"))

    def join(self, stream: Stream, after: int) -> bool:
        """Let a stream follow from a position; false when the ring does not reach back so far.

        The position may be ahead of us: the log is, where it was read by somebody else.
        """
        if after + 1 < self.first:
            return False
        stream.after = after
        for seq, frame in enumerate(self._ring, self.first):
            if seq > after:
                stream.push(frame)
        self.streams.add(stream)
        return True

    def end(self) -> None:
        """End all streams; their readers come back with their position."""
        for stream in self.streams:
            stream.end()
        self.streams.clear()
