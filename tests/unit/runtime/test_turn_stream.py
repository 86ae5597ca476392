from collections.abc import AsyncIterator
from typing import Any

import orjson

from codelab_core.sse import render
from codelab_runtime.turn_stream import turn_events


def frame(seq: int, kind: str, **fields: Any) -> bytes:
    return render(orjson.dumps({"type": kind, "seq": seq, **fields}), event_id=b"e:%d" % seq)


ATTACHED = frame(1, "client_attached", connection_id="x")
OTHER_ENDS = frame(2, "turn_completed", turn_id="t1")
ACCEPTED = frame(3, "message_accepted", message_id="u2", turn_id="t2")
WAITING = frame(3, "message_accepted", message_id="u2")
STARTED = frame(4, "turn_started", message_id="u2", turn_id="t2")
TEXT = frame(5, "assistant_message", message_id="m2-1-0", token="turn_")
ENDS = frame(6, "turn_completed", turn_id="t2")
AFTER = frame(7, "turn_started", message_id="u3", turn_id="t3")
DRAIN = b"event: drain\ndata: {}\n\n"


async def cut(*pieces: bytes) -> list[bytes]:
    """What is left of a stream in these pieces."""

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [event async for event in turn_events(stream(), "u2")]


async def test_a_turn_begins_with_its_message_and_ends_with_its_end() -> None:
    found = await cut(ATTACHED, OTHER_ENDS, ACCEPTED, STARTED, TEXT, ENDS, AFTER)

    assert found == [ACCEPTED, STARTED, TEXT, ENDS]


async def test_many_frames_may_come_in_one_piece() -> None:
    assert await cut(ATTACHED + ACCEPTED + STARTED, TEXT + ENDS + AFTER) == [
        ACCEPTED,
        STARTED,
        TEXT,
        ENDS,
    ]


async def test_a_message_that_waits_gets_its_turn_later() -> None:
    assert await cut(WAITING, OTHER_ENDS, STARTED, ENDS) == [WAITING, OTHER_ENDS, STARTED, ENDS]


async def test_control_events_pass() -> None:
    assert await cut(b": head e:1\n\n", ATTACHED, ACCEPTED, DRAIN) == [
        b": head e:1\n\n",
        ACCEPTED,
        DRAIN,
    ]
