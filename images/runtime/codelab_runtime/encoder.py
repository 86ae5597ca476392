"""Numbers and encodes each event once: log entry, SSE line and frame are these bytes. Pure.

Hot for text deltas, one or more per token: benchmarks/token_path.py.
"""

from collections.abc import Sequence

import orjson

from codelab_core.protocol.events import Event
from codelab_runtime.turn.draft import TextDelta


def encode_events(events: Sequence[Event | TextDelta], head: int) -> list[bytes]:
    """The events as JSON of one line each, numbered from `head` + 1."""
    return [encode_event(event, seq) for seq, event in enumerate(events, head + 1)]


def encode_event(event: Event | TextDelta, seq: int) -> bytes:
    """One event with its number; `type` and `seq` come first."""
    if isinstance(event, TextDelta):
        return encode_text(event, seq)
    return event.model_copy(update={"seq": seq}).encode()


def encode_text(delta: TextDelta, seq: int) -> bytes:
    """An `assistant_message`, byte for byte as its type would encode it."""
    text = orjson.dumps(delta.text)
    return (
        b'{"type":"assistant_message","seq":%d,"turn_id":"%b","message_id":"%b",'
        b'"token":%b,"content":%b,"is_final":%b}'
    ) % (
        seq,
        delta.turn_id.encode(),
        delta.message_id.encode(),
        text,
        text,
        b"true" if delta.is_final else b"false",
    )
