"""All tails of one process: made for the first reader, repaired from the log, dropped last."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from codelab_core.errors import CodelabError
from codelab_runtime.channels import Channels
from codelab_runtime.reading import Reader
from codelab_runtime.store import Store
from codelab_runtime.tail import Tail

CHECK_S: Final = 1.0
PAGE: Final = 500
GONE: Final = b"event: gone\ndata: {}\n\n"

log = logging.getLogger(__name__)


class Tails:
    """Registry of tails; a session that we own is fed by its worker, others by pub/sub."""

    def __init__(self, store: Store, reader: Reader, channels: Channels) -> None:
        self._store = store
        self._reader = reader
        self._channels = channels
        self._tails: dict[str, Tail] = {}
        self._users: dict[str, int] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._owned: set[str] = set()
        self._alarm = asyncio.Event()

    def get(self, session_id: str) -> Tail | None:
        """The tail of a session that somebody reads here."""
        return self._tails.get(session_id)

    @asynccontextmanager
    async def using(self, session_id: str, principal: str) -> AsyncIterator[Tail]:
        """A tail at the head of the log. Raises `SESSION_NOT_FOUND` for none, or another's."""
        self._users[session_id] = self._users.get(session_id, 0) + 1
        try:
            async with self._locks.setdefault(session_id, asyncio.Lock()):
                page = await self._store.tail(session_id, "", 0, 1, principal)
                if session_id not in self._tails:
                    self._tails[session_id] = await self._made(session_id, page.epoch, page.head)
            yield self._tails[session_id]
        finally:
            await self._left(session_id)

    async def _made(self, session_id: str, epoch: str, head: int) -> Tail:
        """A new tail; subscribed before it is level with the log, or events would be lost."""
        tail = Tail(session_id, epoch, head, self._alarm)
        if session_id not in self._owned:
            await self._channels.subscribe(self._channel(session_id), tail.heard)
            await self.repair(tail)
        return tail

    async def _left(self, session_id: str) -> None:
        """One reader fewer; without readers the tail goes."""
        self._users[session_id] -= 1
        if self._users[session_id]:
            return
        del self._users[session_id]
        self._tails.pop(session_id, None)
        self._locks.pop(session_id, None)
        if session_id not in self._owned:
            await self._channels.unsubscribe(self._channel(session_id))

    async def owned(self, session_id: str) -> None:
        """We drive the session now: its worker feeds the tail."""
        self._owned.add(session_id)
        if session_id in self._tails:
            await self._channels.unsubscribe(self._channel(session_id))

    async def disowned(self, session_id: str) -> None:
        """Others may write now: listen, then fetch what came in between."""
        self._owned.discard(session_id)
        tail = self._tails.get(session_id)
        if tail:
            await self._channels.subscribe(self._channel(session_id), tail.heard)
            await self.repair(tail)

    async def repair(self, tail: Tail) -> None:
        """Fetch what the tail lacks. A log that began anew ends its streams."""
        tail.lacks = False
        while True:
            page = await self._store.tail(tail.session_id, tail.epoch, tail.last, PAGE)
            if page.status != "OK":
                tail.end()
                self._tails.pop(tail.session_id, None)
                return
            tail.feed(page.epoch, tail.last + 1, page.events)
            if tail.last >= page.head:
                return

    def gone(self, session_id: str) -> None:
        """The session was removed: its readers are told, and do not come back."""
        tail = self._tails.pop(session_id, None)
        if tail:
            for stream in tail.streams:
                stream.push(GONE)
            tail.end()

    def check_soon(self) -> None:
        """After a lost connection: every tail may lack events."""
        for tail in self._tails.values():
            tail.lacks = True
        self._alarm.set()

    async def watch(self) -> None:
        """Compare the tails with the log every second, and when one lacks events; for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    await self._alarm.wait()
            self._alarm.clear()
            try:
                await self._check()
            except (CodelabError, OSError):
                log.warning("position check failed")

    async def _check(self) -> None:
        """Fetch for each tail that is behind, and not only just now."""
        tails = [tail for sid, tail in self._tails.items() if sid not in self._owned]
        before = [tail.last for tail in tails]
        found = await self._reader.positions([tail.session_id for tail in tails]) if tails else []
        for tail, last, position in zip(tails, before, found, strict=True):
            behind = position is None or position[0] != tail.epoch or position[1] > last
            if position is None:
                self.gone(tail.session_id)
            elif behind or tail.lacks:
                await self.repair(tail)

    def _channel(self, session_id: str) -> str:
        """The channel of a session's events."""
        return self._store.keys.session(session_id, "ch")
