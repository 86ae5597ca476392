import asyncio

import anyio
import pytest

from codelab_runtime.tail import (
    RING_BYTES,
    RING_EVENTS,
    STREAM_BYTES,
    STREAM_EVENTS,
    Stream,
    Tail,
)


def tail(last: int = 0) -> Tail:
    return Tail("s1", "e1", last, asyncio.Event())


def frame(seq: int, event: bytes = b"{}") -> bytes:
    return b"id: e1:%d\ndata: %b\n\n" % (seq, event)


async def taken(stream: Stream) -> bytes:
    with anyio.fail_after(1):
        return await stream.take()


async def test_streams_get_what_comes_from_where_they_joined() -> None:
    made = tail()
    made.feed("e1", 1, [b"a", b"b", b"c"])
    early, late = Stream(), Stream()

    assert made.join(early, 1)
    assert made.join(late, 3)
    made.feed("e1", 4, [b"d"])

    assert await taken(early) == frame(2, b"b") + frame(3, b"c") + frame(4, b"d")
    assert await taken(late) == frame(4, b"d")


async def test_known_events_are_dropped_whoever_delivers_them() -> None:
    made, stream = tail(), Stream()
    made.join(stream, 0)

    made.feed("e1", 1, [b"a", b"b"])
    made.feed("e1", 1, [b"a", b"b", b"c"])
    made.heard(b"e1 3\nc\nd")

    assert await taken(stream) == b"".join(
        frame(n, e) for n, e in enumerate((b"a", b"b", b"c", b"d"), 1)
    )
    assert (made.last, made.lacks) == (4, False)


@pytest.mark.parametrize("message", [b"e1 3\nc", b"e2 1\na"])
def test_a_gap_or_another_life_is_left_to_be_fetched(message: bytes) -> None:
    alarm = asyncio.Event()
    made = Tail("s1", "e1", 1, alarm)

    made.heard(message)

    assert (made.last, made.lacks, alarm.is_set()) == (1, True, True)


def test_a_position_before_the_ring_is_read_from_the_log_first() -> None:
    made = tail(last=10)
    made.feed("e1", 11, [b"a"])

    assert not made.join(Stream(), 9)
    assert made.join(Stream(), 10)


async def test_a_reader_ahead_of_us_gets_nothing_twice() -> None:
    made, stream = tail(), Stream()
    made.join(stream, 2)

    made.feed("e1", 1, [b"a", b"b", b"c"])

    assert await taken(stream) == frame(3, b"c")


def test_the_ring_is_bounded_in_events_and_bytes() -> None:
    many, big = tail(), tail()

    many.feed("e1", 1, [b"x"] * (RING_EVENTS + 5))
    big.feed("e1", 1, [b"x" * (RING_BYTES // 2)] * 3)

    assert (many.first, many.last) == (6, RING_EVENTS + 5)
    assert (big.first, big.last) == (3, 3)


@pytest.mark.parametrize(
    ("part", "count", "slow"),
    [
        pytest.param(b"x", STREAM_EVENTS, False, id="as many as fit"),
        pytest.param(b"x", STREAM_EVENTS + 1, True, id="one too many"),
        pytest.param(b"x" * (STREAM_BYTES + 1), 1, False, id="one of any size"),
        pytest.param(b"x" * (STREAM_BYTES // 2 + 1), 2, True, id="too many bytes"),
    ],
)
def test_a_reader_that_does_not_read_is_cut(part: bytes, count: int, *, slow: bool) -> None:
    stream = Stream()

    for _ in range(count):
        stream.push(part)

    assert stream.slow == slow


async def test_a_slow_stream_gets_nothing_more() -> None:
    stream = Stream()
    for _ in range(STREAM_EVENTS + 2):
        stream.push(b"x")

    assert len(await taken(stream)) == STREAM_EVENTS + 1


async def test_the_end_lets_a_reader_take_what_is_there() -> None:
    made, stream = tail(), Stream()
    made.join(stream, 0)
    made.feed("e1", 1, [b"a"])

    made.end()
    stream.push(b"more")

    assert await taken(stream) == frame(1, b"a")
    assert stream.ended
    assert made.streams == set()
