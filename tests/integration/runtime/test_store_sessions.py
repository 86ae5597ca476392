"""Birth, life and death of sessions in the store."""

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import principal_hash
from codelab_runtime.answers import Opened
from codelab_runtime.store import DAY_MS, MAX_LISTED
from harness.stores import ANN, SID, TTL_S, Bench, bench_of, command, commit_of


async def open_code(bench: Bench, principal: str = ANN) -> Code:
    """Code of the refusal to open the session."""
    with pytest.raises(CodelabError) as caught:
        await bench.one.open(SID, principal, TTL_S)
    return caught.value.code


async def test_a_session_is_made_once(bench: Bench) -> None:
    first = await bench.one.open(SID, ANN, TTL_S)
    again = await bench.two.open(SID, ANN, TTL_S)

    assert first == Opened(created=True, epoch=first.epoch, head=0, state="idle")
    assert again == Opened(created=False, epoch=first.epoch, head=0, state="idle")
    assert await bench.meta("v", "floor", "jn", "inn", "ic", "fence", "own", "pr") == [
        *("1", "1", "0", "0", "0", "0", "", ANN)
    ]
    assert await bench.queues() == ([], [])


async def test_a_foreign_session_cannot_be_opened(bench: Bench) -> None:
    await bench.opened()

    assert await open_code(bench, "bob") is Code.SESSION_NOT_FOUND


async def test_an_expired_session_says_so_until_it_is_wanted_anew(bench: Bench) -> None:
    await bench.opened()
    await bench.set_meta(exp=1)
    await bench.one.purge(SID, ANN, "expired")

    assert await open_code(bench) is Code.SESSION_EXPIRED
    assert (await bench.one.open(SID, "bob", TTL_S)).created
    await bench.set_meta(exp=1)
    await bench.one.purge(SID, "bob", "expired")
    assert (await bench.one.open(SID, ANN, TTL_S, fresh=True)).created


@pytest.mark.parametrize("part", ["ev", "jr", "snap"])
async def test_remains_of_a_lost_session_are_not_written_over(bench: Bench, part: str) -> None:
    await bench.redis.set(bench.key(part), "x")

    assert await open_code(bench) is Code.STATE_LOST
    assert await bench.redis.get(bench.key(part)) == b"x"


async def test_sessions_are_listed_newest_first_and_at_most_1000(bench: Bench) -> None:
    key = bench.keys.of_principal(ANN)
    await bench.redis.zadd(key, {f"old-{n:04d}": n for n in range(MAX_LISTED)})

    await bench.opened()

    ids, total = await bench.reader.listed(ANN, 0, 2)
    assert ids == [SID, f"old-{MAX_LISTED - 1:04d}"]
    assert total == MAX_LISTED


async def test_a_touched_session_lives_its_whole_life_again(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.set_meta(exp=1)

    kept = await bench.one.touch(SID, claim.fence, TTL_S)

    (expiry,) = await bench.meta("exp")
    end = await bench.now_ms() + TTL_S * 1000
    assert kept
    assert end - 5_000 < int(expiry or 0) <= end + 100
    assert await bench.redis.zscore(bench.keys.sessions(0), SID) == int(expiry or 0)
    backstop = await bench.redis.pexpiretime(bench.key("meta"))
    assert backstop == int(expiry or 0) + DAY_MS


async def test_only_the_owner_touches(bench: Bench) -> None:
    claim = await bench.claimed()
    before = await bench.meta("exp")

    assert not await bench.two.touch(SID, claim.fence, TTL_S)
    assert not await bench.one.touch(SID, claim.fence + 1, TTL_S)
    assert await bench.meta("exp") == before


async def test_a_living_session_is_not_purged(bench: Bench) -> None:
    await bench.opened()
    await bench.redis.zadd(bench.keys.sessions(0), {SID: 1})

    assert not await bench.one.purge(SID, ANN, "expired")
    assert not await bench.one.purge(SID, ANN, "closed")
    (expiry,) = await bench.meta("exp")
    assert await bench.redis.zscore(bench.keys.sessions(0), SID) == int(expiry or 0)


async def test_an_open_question_keeps_a_session_alive(bench: Bench) -> None:
    await bench.opened()
    until = await bench.now_ms() + 60_000
    await bench.set_meta(exp=1, wait=until)

    assert not await bench.one.purge(SID, ANN, "expired")
    assert await bench.redis.zscore(bench.keys.sessions(0), SID) == until


async def test_nothing_but_a_tombstone_is_left_of_a_purged_session(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.put("a")
    wanted = commit_of(claim, events=[b"{}"], records=[b"{}"], slots={"c1": "open"})
    await bench.commit(wanted)
    await bench.set_meta(st="closed")

    removed = await bench.two.purge(SID, ANN, "closed")

    assert removed
    left = [key.decode() for key in await bench.redis.keys(f"{bench.keys.prefix}:*")]
    assert left == [bench.keys.gone(0)]
    tombstones = await bench.redis.zrange(bench.keys.gone(0), 0, -1)
    assert tombstones == [f"{SID}/{principal_hash(ANN)}".encode()]
    assert await bench.one.purge(SID, ANN, "closed")


async def test_tombstones_are_forgotten_in_time(bench: Bench) -> None:
    await bench.opened()
    await bench.set_meta(st="closed")
    await bench.one.purge(SID, ANN, "closed")

    await bench.reader.forget_tombstones(0, await bench.now_ms() + 1)

    assert (await bench.one.open(SID, ANN, TTL_S)).created


async def test_sessions_over_their_life_are_found(bench: Bench) -> None:
    await bench.opened()
    await bench.opened("s-2")
    await bench.redis.zadd(bench.keys.sessions(0), {SID: 5})

    assert await bench.reader.expired(0, 10, 100) == [SID]


async def test_the_buckets_share_nothing(store_server: str) -> None:
    """Keys of one session and its queues have one hash tag, those of another may have another."""
    async with bench_of(store_server, buckets=64) as bench:
        ids = [f"s-{n}" for n in range(8)]
        for sid in ids:
            await bench.opened(sid)
            await bench.one.ingest(command("a", session_id=sid))
        found = {b: (await bench.one.due(b, 10)).session_ids for b in range(64)}

    assert {sid: bench.keys.bucket(sid) for sid in ids} == {
        sid: bucket for bucket, sids in found.items() for sid in sids
    }
