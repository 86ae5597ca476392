"""The least that could send the same frames: an ASGI application on uvicorn, and nothing else.

`/<count>/<pace>`: so many tokens of a v1 `assistant_message` each, with the time in it.
"""

import asyncio
import sys
import time
from typing import Any

import uvicorn

FRAME = (
    '{"type":"assistant_message","seq":%d,"turn_id":"t1","message_id":"m1-1-0","token":"%s",'
    '"content":"%s","is_final":false}'
)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve one socket: wait for a frame, then send all tokens at their pace."""
    await receive()
    await send({"type": "websocket.accept"})
    await receive()
    _, count, pace = scope["path"].split("/")
    began, interval = time.monotonic(), 1 / float(pace)
    for number in range(1, int(count) + 1):
        wait = began + number * interval - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        token = f" t{number:05d}@{time.monotonic_ns() // 1000}"
        await send({"type": "websocket.send", "text": FRAME % (number, token, token)})
    await send({"type": "websocket.close"})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="error",
        loop=sys.argv[2],
    )
