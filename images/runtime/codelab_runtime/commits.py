"""Commits of all sessions, batched by backpressure: what waits for one trip makes the next.

Hot: benchmarks/token_path.py.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime import answers
from codelab_runtime.connection import Connection
from codelab_runtime.store import Commit, Store

MAX_BATCH: Final = 256

log = logging.getLogger(__name__)

Reply = list[Any] | CodelabError


class Commits:
    """Sends commits, all that wait in one round trip; each session has at most one under way."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self._store = store
        self._connection = connection
        self._waiting: list[tuple[Commit, asyncio.Future[Reply]]] = []
        self._ready = asyncio.Event()

    async def submit(self, commit: Commit) -> answers.Committed:
        """Where the session stands once the commit is durable.

        Raises `FencedError`, `DivergedError`, or `UNAVAILABLE` while its outcome is unknown: then
        the same commit, with the same `op`, may be submitted again.
        """
        done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((commit, done))
        self._ready.set()
        reply = await done
        if isinstance(reply, CodelabError):
            raise reply
        return answers.committed(reply)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._ready.wait()
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            if not self._waiting:
                self._ready.clear()
            await self._send(batch)

    async def _send(self, batch: Sequence[tuple[Commit, asyncio.Future[Reply]]]) -> None:
        """One round trip; every waiter gets its own reply."""
        calls = [self._store.commit_call(commit) for commit, _ in batch]
        try:
            replies: Sequence[Reply] = await self._connection.run_each(calls)
        except CodelabError as error:
            replies = [error] * len(batch)
        except Exception:  # the other sessions of this process go on
            log.exception("commits failed")
            replies = [CodelabError(Code.INTERNAL)] * len(batch)
        for (_, done), reply in zip(batch, replies, strict=True):
            if not done.done():  # a waiter may have been cancelled
                done.set_result(reply)
