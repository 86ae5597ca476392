"""Frames on their way to one socket: a bounded queue and its pump; slow readers are cut.

Hot on every token: benchmarks/token_path.py.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from codelab_core.middleware import Send

FLUSH_TIMEOUT_S: Final = 1.0

Written = Callable[[], None]


class Outbox:
    """Takes frames without waiting, writes them in order.

    Beyond `max_frames` or `max_bytes` the reader is slow: `slow` is set and nothing more is taken.
    """

    def __init__(self, max_frames: int, max_bytes: int) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[bytes, Written | None]] = deque()
        self._size = 0
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.slow = asyncio.Event()

    def push(self, frame: bytes, written: Written | None = None) -> None:
        """Send a frame some time; `written` is called once the socket has taken it."""
        if self.slow.is_set():
            return
        self._waiting.append((frame, written))
        self._size += len(frame)
        if len(self._waiting) > self._max_frames or self._size > self._max_bytes:
            self.slow.set()
        self._idle.clear()
        self._changed.set()

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
            if written:
                written()

    async def flushed(self) -> bool:
        """Wait, at most 1 s, until everything is written; whether it is."""
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
