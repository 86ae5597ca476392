"""All tails of one process: made for the first reader, repaired from the log, dropped last."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.channels import Channels
from codelab_runtime.following import PAGE
from codelab_runtime.reading import Reader
from codelab_runtime.store import Store
from codelab_runtime.tail import Tail

CHECK_S: Final = 1.0
CALM_AFTER: Final = 60
CALM_EVERY: Final = 15
"""Checks without news after which a session is looked at in every 15th only."""
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
        self._calm: dict[str, tuple[int, int]] = {}
        self._alarm = asyncio.Event()

    def get(self, session_id: str) -> Tail | None:
        """The tail of a session that somebody reads here."""
        return self._tails.get(session_id)

    @asynccontextmanager
    async def using(self, session_id: str, principal: str) -> AsyncGenerator[Tail]:
        """A tail at the head of the log. Raises `SESSION_NOT_FOUND` for none, or another's."""
        self._users[session_id] = self._users.get(session_id, 0) + 1
        try:
            async with self._locks.setdefault(session_id, asyncio.Lock()):
                page = await self._store.tail(session_id, "", 0, 1, principal)
                tail = self._tails.get(session_id)
                if tail and tail.epoch != page.epoch:
                    self._drop(tail)
                    tail = None
                if tail is None:
                    tail = await self._made(session_id, page.epoch, page.head)
            yield tail
        finally:
            await self._left(session_id)

    async def _made(self, session_id: str, epoch: str, head: int) -> Tail:
        """A new tail; it hears of events before it is level with the log, or some would be lost."""
        tail = self._tails[session_id] = Tail(session_id, epoch, head, self._alarm)
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
        self._calm.pop(session_id, None)
        self._locks.pop(session_id, None)
        if session_id not in self._owned:
            await self._channels.unsubscribe(self._channel(session_id))

    async def owned(self, session_id: str) -> None:
        """We drive the session now: its worker feeds the tail, from where the log stands."""
        self._owned.add(session_id)
        tail = self._tails.get(session_id)
        if tail:
            await self._channels.unsubscribe(self._channel(session_id))
            self._lack(tail)

    async def disowned(self, session_id: str) -> None:
        """Others may write now: listen, then fetch what came in between."""
        self._owned.discard(session_id)
        tail = self._tails.get(session_id)
        if tail:
            await self._channels.subscribe(self._channel(session_id), tail.heard)
            self._lack(tail)

    async def repair(self, tail: Tail) -> None:
        """Fetch what the tail lacks. A log that began anew ends its streams.

        Raises `UNAVAILABLE`.
        """
        tail.lacks = False
        try:
            while True:
                after = tail.last  # others feed the tail meanwhile
                page = await self._store.tail(tail.session_id, tail.epoch, after, PAGE)
                if page.status != "OK":
                    if page.status == "AHEAD":  # the store has lost what we have seen
                        await self._store.rebase(tail.session_id, tail.epoch)
                    self._drop(tail)
                    return
                tail.feed(page.epoch, after + 1, page.events)
                if tail.last >= page.head:
                    return
        except CodelabError as error:
            if error.code is not Code.SESSION_NOT_FOUND:
                tail.lacks = True
                raise
            self.gone(tail.session_id)

    def gone(self, session_id: str) -> None:
        """The session was removed: its readers are told, and do not come back."""
        tail = self._tails.get(session_id)
        if tail:
            for stream in tail.streams:
                stream.push(GONE)
            self._drop(tail)

    def _drop(self, tail: Tail) -> None:
        """End the streams of a tail that is of no more use; the next reader gets a new one."""
        tail.end()
        if self._tails.get(tail.session_id) is tail:
            del self._tails[tail.session_id]

    def _lack(self, tail: Tail) -> None:
        """Have a tail brought level with the log soon."""
        tail.lacks = True
        self._alarm.set()

    def check_soon(self) -> None:
        """After a lost connection: every tail may lack events."""
        for tail in self._tails.values():
            self._lack(tail)

    async def mend(self) -> None:
        """Wait for a tail that lacks events, then bring it level."""
        await self._alarm.wait()
        self._alarm.clear()
        await self._repair_all()

    async def check(self) -> None:
        """Compare tails with the log: what was published may have been lost on the way."""
        await self._compare([tail for tail in self._tails.values() if self._is_due(tail)])
        await self._repair_all()

    async def _repair_all(self) -> None:
        """Bring every tail level that is known to lack events."""
        for tail in [tail for tail in self._tails.values() if tail.lacks]:
            await self.repair(tail)

    def _is_due(self, tail: Tail) -> bool:
        """Whether to compare a tail with the log: others write, and they did so not long ago."""
        last, calm = self._calm.get(tail.session_id, (0, 0))
        calm = calm + 1 if last == tail.last else 0
        self._calm[tail.session_id] = (tail.last, calm)
        is_ours = tail.session_id in self._owned
        return not is_ours and (calm < CALM_AFTER or calm % CALM_EVERY == 0)

    async def _compare(self, tails: list[Tail]) -> None:
        """Mark each tail that is behind, and not only just now; end those of removed sessions."""
        before = [tail.last for tail in tails]
        found = await self._reader.positions([tail.session_id for tail in tails])
        for tail, last, position in zip(tails, before, found, strict=True):
            if position is None:
                self.gone(tail.session_id)
            elif position[0] != tail.epoch or position[1] != last:
                tail.lacks = True

    def _channel(self, session_id: str) -> str:
        """The channel of a session's events."""
        return self._store.keys.session(session_id, "ch")
