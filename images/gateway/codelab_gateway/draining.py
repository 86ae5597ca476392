"""Leaving without loss: clients are told, then closed one after the other, and resume elsewhere."""

import asyncio
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.frames import Status
from codelab_gateway.attachment import Line

SPREAD_S: Final = 5.0
LEAST_STEPS: Final = 100
"""A few connections are closed as fast as those of a crowd, not over the whole time."""
GONE_TIMEOUT_S: Final = 2.0
POLL_S: Final = 0.05


async def drain(connections: set[Line], spread_s: float = SPREAD_S) -> None:
    """Tell every client, close one after the other over `spread_s`, wait 2 s for the last.

    Nobody new is admitted meanwhile (`codelab_gateway.admission`).
    """
    told = list(connections)
    status = Status(state="draining").encode()
    for connection in told:
        if not connection.is_plain:
            connection.send(status)
    pause = spread_s / max(len(told), LEAST_STEPS)
    for connection in told:
        if connection in connections:
            _close(connection)
            await asyncio.sleep(pause)
    for _ in range(int(GONE_TIMEOUT_S / POLL_S)):
        if not connections:
            return
        for connection in connections:  # also those that were being admitted a moment ago
            _close(connection)
        await asyncio.sleep(POLL_S)


def _close(connection: Line) -> None:
    """Come back at once, elsewhere."""
    connection.fail(CodelabError(Code.UNAVAILABLE, "draining", retry_after_ms=0))
