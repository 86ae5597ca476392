"""The chunks of one inference, as encoded frames, in order. Pure.

The first 50,000 chunks or 4 MiB are kept, what comes later only as a window behind the head.
"""

import zlib
from typing import Final

from codelab_core.sse import render

MAX_CHUNKS: Final = 50_000
MAX_BYTES: Final = 4 * 1_048_576
WINDOW_BYTES: Final = 1_048_576
MAX_BATCH: Final = 512
"""Frames of one read."""


class LostChunksError(Exception):
    """The chunk that a reader needs is not there; `have` is the length of the kept record."""

    def __init__(self, have: int) -> None:
        super().__init__(have)
        self.have = have


class Record:
    """An append-only list of frames, of which the middle is lost when it grows too long.

    A frame is the whole SSE event with the id `<inference_id>:<n>`, encoded once.
    """

    __slots__ = ("_dropped", "_frames", "_full_at", "_prefix", "_window_bytes", "bytes")

    def __init__(self, inference_id: str) -> None:
        self._prefix = inference_id.encode() + b":"
        self._frames: list[bytes] = []
        self._full_at: int | None = None
        self._dropped = 0
        self._window_bytes = 0
        self.bytes = 0

    @property
    def head(self) -> int:
        """How many chunks there were so far: the index of the next."""
        return len(self._frames) + self._dropped

    @property
    def is_complete(self) -> bool:
        """Whether every chunk was kept."""
        return self._full_at is None

    def append(self, kind: bytes, data: bytes) -> None:
        """Add one chunk: one line of JSON. Hot: once per token."""
        frame = render(data, event_id=self._prefix + b"%d" % self.head, kind=kind)
        self._frames.append(frame)
        self.bytes += len(frame)
        if self._full_at is not None:
            self._slide(len(frame))
        elif len(self._frames) >= MAX_CHUNKS or self.bytes >= MAX_BYTES:
            self._full_at = len(self._frames)

    def read(self, position: int) -> list[bytes]:
        """Frames from an index on, at most 512; empty at the head.

        Raises `LostChunksError` for an index that was dropped or lies ahead of the head.
        """
        if position > self.head:
            raise LostChunksError(self.head)
        if self._full_at is None or position < self._full_at:
            return self._frames[position : min(position + MAX_BATCH, self._full_at or self.head)]
        at = position - self._dropped
        if at < self._full_at:
            raise LostChunksError(self._full_at)
        return self._frames[at : at + MAX_BATCH]

    def crc(self, count: int) -> int:
        """CRC-32 over the data of the first chunks; raises `LostChunksError` beyond the record."""
        if count > (len(self._frames) if self._full_at is None else self._full_at):
            raise LostChunksError(self._full_at or self.head)
        crc = 0
        for frame in self._frames[:count]:
            crc = zlib.crc32(frame_data(frame), crc)
        return crc

    def _slide(self, added: int) -> None:
        """Drop the older half of the window once it is twice as large as it may be."""
        self._window_bytes += added
        if self._full_at is None or self._window_bytes <= 2 * WINDOW_BYTES:
            return
        kept = self._full_at
        while self._window_bytes > WINDOW_BYTES:
            self._window_bytes -= len(self._frames[kept])
            kept += 1
        dropped = self._frames[self._full_at : kept]
        del self._frames[self._full_at : kept]
        self._dropped += len(dropped)
        self.bytes -= sum(map(len, dropped))


def frame_data(frame: bytes) -> bytes:
    """The data of a frame that a record made."""
    return frame[frame.index(b"\ndata: ") + 7 : -2]


def frame_kind(frame: bytes) -> bytes:
    """The kind of a frame that a record made."""
    start = frame.index(b"\nevent: ") + 8
    return frame[start : frame.index(b"\n", start)]
