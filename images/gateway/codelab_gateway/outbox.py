"""Frames on their way to one socket: a bounded queue and its pump; slow readers are cut.

Hot on every token: benchmarks/token_path.py.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from codelab_core.middleware import Send

FLUSH_TIMEOUT_S: Final = 1.0
ROOM_TIMEOUT_S: Final = 10.0
ROOMY: Final = 4
"""Part of the bounds, one in so many, up to which there is room for a batch."""

Written = Callable[[], None]


class Outbox:
    """Takes frames without waiting, writes them in order.

    Beyond `max_frames` or `max_bytes` the reader is slow: `on_slow` is called, once, and nothing
    more is taken. `count` is told of each frame that the socket has taken.
    """

    def __init__(
        self,
        max_frames: int,
        max_bytes: int,
        on_slow: Callable[[], None],
        count: Callable[[bytes], None],
    ) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._on_slow = on_slow
        self._count = count
        self._waiting: deque[tuple[bytes, Written | None]] = deque()
        self._size = 0
        self._is_slow = False
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._room = asyncio.Event()

    def push(self, frame: bytes, written: Written | None = None) -> None:
        """Send a frame some time; `written` is called once the socket has taken it."""
        if self._is_slow:
            return
        self._waiting.append((frame, written))
        self._size += len(frame)
        if len(self._waiting) > self._max_frames or self._size > self._max_bytes:
            self._slow()
        self._idle.clear()
        self._changed.set()

    def _slow(self) -> None:
        """The peer does not keep up."""
        self._is_slow = True
        self._on_slow()

    async def pump(self, send: Send) -> None:
        """Write until cancelled, or until the peer is gone."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._write(send)
                self._idle.set()
        except OSError:  # what uvicorn raises for a peer that has left
            return

    async def _write(self, send: Send) -> None:
        """Everything that waits, in order."""
        while self._waiting:
            frame, written = self._waiting[0]
            await send({"type": "websocket.send", "text": frame.decode()})
            self._waiting.popleft()
            self._size -= len(frame)
            self._room.set()
            self._count(frame)
            if written:
                written()

    async def room(self) -> None:
        """Wait until a batch of history fits without the reader being taken for a slow one.

        A peer that takes nothing at all for 10 s is one.
        """
        while self._is_crowded():
            self._room.clear()
            try:
                async with asyncio.timeout(ROOM_TIMEOUT_S):
                    await self._room.wait()
            except TimeoutError:
                self._slow()
                return

    def _is_crowded(self) -> bool:
        """Whether more waits than a part of the bounds; a slow peer's frames do not count."""
        if self._is_slow:
            return False
        many = len(self._waiting) * ROOMY > self._max_frames
        return many or self._size * ROOMY > self._max_bytes

    async def flushed(self) -> bool:
        """Wait, at most 1 s, until everything is written; whether it is."""
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
