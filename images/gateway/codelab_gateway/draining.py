"""Leaving without loss: clients are told, then closed one after the other, and resume elsewhere."""

import asyncio
from collections.abc import Iterable
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.frames import Status
from codelab_gateway.connection import Connection

SPREAD_S: Final = 5.0
GONE_TIMEOUT_S: Final = 2.0
POLL_S: Final = 0.05


async def drain(connections: set[Connection]) -> None:
    """Tell every client, then close what is left, spread over 5 s."""
    told = list(connections)
    status = Status(state="draining").encode()
    for connection in told:
        if not connection.is_plain:
            connection.send(status)
    await _close_spread(told, connections)
    for _ in range(int(GONE_TIMEOUT_S / POLL_S)):
        if not connections:
            return
        await asyncio.sleep(POLL_S)


async def _close_spread(told: Iterable[Connection], open_now: set[Connection]) -> None:
    """Close one after the other; those that have left by themselves cost no time."""
    left = [connection for connection in told if connection in open_now]
    pause = SPREAD_S / max(len(left), 100)
    for connection in left:
        if connection in open_now:
            connection.fail(CodelabError(Code.UNAVAILABLE, "draining", retry_after_ms=0))
            await asyncio.sleep(pause)
