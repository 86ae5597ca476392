import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest

from codelab_runtime.following import PAGE, SLOW, followed
from codelab_runtime.tail import STREAM_EVENTS, Stream, Tail
from harness.stores import SID, Bench, bench_of, commit_of


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        yield made


async def logged(bench: Bench, count: int) -> Tail:
    """A log of so many events, and a tail level with it whose ring is empty."""
    claim = await bench.claimed()
    for first in range(0, count, 100):
        fresh = [b"%d" % n for n in range(first + 1, min(first + 100, count) + 1)]
        await bench.commit(commit_of(claim, f"op-{first}", head=first, events=fresh))
    return Tail(SID, claim.epoch, count, asyncio.Event())


def frames(tail: Tail, first: int, last: int) -> bytes:
    return b"".join(
        b"id: %b:%d\ndata: %d\n\n" % (tail.epoch.encode(), n, n) for n in range(first, last + 1)
    )


async def test_history_comes_in_pages_then_what_happens(bench: Bench) -> None:
    tail, stream = await logged(bench, PAGE + 100), Stream()

    with anyio.fail_after(20):
        pieces = followed(bench.one, tail, stream, 3)
        first, second = await anext(pieces), await anext(pieces)
        waiting = anext(pieces)
        tail_event = b"%d" % (PAGE + 101)
        async with asyncio.TaskGroup() as tasks:
            live = tasks.create_task(_first(waiting))
            await anyio.sleep(0.01)
            tail.feed(tail.epoch, PAGE + 101, [tail_event])
        stream.end()
        rest = [piece async for piece in pieces]

    assert first == frames(tail, 4, PAGE + 3)
    assert second == frames(tail, PAGE + 4, PAGE + 100)
    assert live.result() == frames(tail, PAGE + 101, PAGE + 101)
    assert rest == []
    assert tail.streams == set()


async def _first(piece: object) -> bytes:
    """What an `anext` brings."""
    return await piece  # type: ignore[misc,no-any-return]  # it is awaitable


async def test_a_slow_reader_is_told_so_at_the_end(bench: Bench) -> None:
    tail, stream = await logged(bench, 0), Stream()
    pieces = followed(bench.one, tail, stream, 0)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(_first(anext(pieces)))
        await anyio.sleep(0.01)
        tail.feed(tail.epoch, 1, [b"{}"] * (STREAM_EVENTS + 1))

    assert reading.result().endswith(SLOW)
    assert [piece async for piece in pieces] == []


async def test_what_the_log_has_not_ends_the_stream(bench: Bench) -> None:
    tail = await logged(bench, 2)
    await bench.redis.xdel(bench.key("ev"), "1-0")

    assert [piece async for piece in followed(bench.one, tail, Stream(), 0)] == []
