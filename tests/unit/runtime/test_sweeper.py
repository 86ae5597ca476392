from collections.abc import AsyncIterator

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.sweeper import TOMBSTONE_MS, Sweeper
from harness.stores import ANN, SID, TTL_S, Bench, bench_of


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory", buckets=2) as made:
        yield made


def sweeper(bench: Bench) -> Sweeper:
    return Sweeper(bench.one, bench.reader, SYSTEM_CLOCK)


async def expire(bench: Bench, session_id: str) -> int:
    """Let the life of a session be over; its bucket."""
    bucket = bench.keys.bucket(session_id)
    await bench.redis.hset(bench.key("meta", session_id), "exp", 1)
    await bench.redis.zadd(bench.keys.sessions(bucket), {session_id: 1})
    return bucket


async def test_sessions_over_their_life_are_removed_from_every_bucket(bench: Bench) -> None:
    names = [f"s-{n}" for n in range(6)]
    for name in names:
        await bench.opened(name)
    buckets = {await expire(bench, name) for name in names[1:]}

    await sweeper(bench).sweep_all()

    assert buckets == {0, 1}
    left = [facts.session_id for facts in await bench.reader.facts(names) if facts]
    assert left == ["s-0"]
    with pytest.raises(CodelabError) as caught:
        await bench.one.open("s-1", ANN, TTL_S)
    assert caught.value.code is Code.SESSION_EXPIRED


async def test_a_session_that_was_prolonged_meanwhile_stays(bench: Bench) -> None:
    await bench.opened()
    bucket = bench.keys.bucket(SID)
    await bench.redis.zadd(bench.keys.sessions(bucket), {SID: 1})

    assert await sweeper(bench).sweep(bucket) == 0
    assert await bench.reader.facts([SID]) != [None]


async def test_what_is_left_of_a_list_is_cleaned_up(bench: Bench) -> None:
    bucket = bench.keys.bucket("s-lost")
    await bench.redis.zadd(bench.keys.sessions(bucket), {"s-lost": 1})

    await sweeper(bench).sweep(bucket)

    assert await bench.reader.expired(bucket, 10, 10) == []


async def test_old_tombstones_are_forgotten(bench: Bench) -> None:
    now = SYSTEM_CLOCK.wall_ms()
    await bench.redis.zadd(bench.keys.gone(0), {"old": now - TOMBSTONE_MS - 9, "new": now})

    await sweeper(bench).sweep_all()

    assert await bench.redis.zrange(bench.keys.gone(0), 0, -1) == [b"new"]
