"""The events of a session from any position on: history in pages, then whatever comes."""

from collections.abc import AsyncGenerator
from typing import Final

from codelab_core.sse import render
from codelab_runtime.store import Store
from codelab_runtime.tail import Stream, Tail

PAGE: Final = 500
SLOW: Final = b"event: slow\ndata: {}\n\n"


async def followed(store: Store, tail: Tail, stream: Stream, after: int) -> AsyncGenerator[bytes]:
    """Frames after a position, as many at a time as there are; never empty.

    Ends with the stream: when it is ended, when its reader is too slow, and when the log has not
    what the reader needs. The reader then comes back with its position. Raises `UNAVAILABLE`.
    Hot: benchmarks/token_path.py.
    """
    while not tail.join(stream, after):
        page = await store.tail(tail.session_id, tail.epoch, after, PAGE)
        if not page.events:
            return
        yield b"".join(
            render(event, event_id=b"%b:%d" % (tail.epoch.encode(), seq))
            for seq, event in enumerate(page.events, after + 1)
        )
        after += len(page.events)
    try:
        is_over = False
        while not is_over:
            frames = await stream.take()
            is_over = stream.slow or stream.ended
            if stream.slow:
                frames += SLOW
            if frames:
                yield frames
    finally:
        tail.streams.discard(stream)
