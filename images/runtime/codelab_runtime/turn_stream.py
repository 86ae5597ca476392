"""The events of one message's turn, cut out of the events of its session."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import orjson

_MARKS: Final = (b'{"type":"turn_', b'{"type":"message_accepted"')
"""How the events begin that say which turn took the message."""


async def turn_events(pieces: AsyncIterator[bytes], message_id: str) -> AsyncGenerator[bytes]:
    """Frames from the acceptance of a message to the end of the turn that took it.

    Control events in between are passed on; the stream may end before the turn does.
    """
    turn_id, is_accepted = None, False
    async for piece in pieces:
        for block in piece.split(b"\n\n")[:-1]:
            data = block.partition(b"\ndata: ")[2]
            event = orjson.loads(data) if data.startswith(_MARKS) else {}
            if event.get("message_id") == message_id:
                turn_id, is_accepted = event.get("turn_id", turn_id), True
            if is_accepted or not block.startswith(b"id: "):
                yield block + b"\n\n"
            if event.get("type") == "turn_completed" and event["turn_id"] == turn_id:
                return
