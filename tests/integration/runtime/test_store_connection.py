"""Scripts reach the server whatever it forgot; what it cannot do is an error that says so."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.connection import Call, Connection, Script, client
from codelab_runtime.store import Commit
from harness.stores import SID, Bench, bench_of, command, commit_of


@pytest.fixture
async def full(store_server: str) -> AsyncIterator[Bench]:
    """A claimed session on a server that has no room left."""
    async with bench_of(store_server) as bench:
        await bench.claimed()
        await bench.redis.config_set("maxmemory", "1")
        try:
            yield bench
        finally:
            await bench.redis.config_set("maxmemory", "0")


async def test_a_server_that_forgot_the_scripts_is_taught_again(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.redis.script_flush()

    done = await bench.commit(commit_of(claim, events=[b"{}"]))

    assert done.head == 1


async def test_scripts_of_one_trip_are_answered_one_by_one(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.redis.script_flush()
    good = bench.one.commit_call(commit_of(claim, events=[b"{}"]))
    fenced = bench.two.commit_call(commit_of(claim, op="op-2"))
    broken = Call(good.script, [], [])

    replies = await bench.one.connection.run_each([good, broken, fenced])

    assert replies[0] == [b"OK", 1, 0, b"0"]
    assert isinstance(replies[1], CodelabError)
    assert replies[2] == [b"FENCED", bench.one.owner.encode(), b"1"]


async def test_a_full_store_refuses_commands_and_commits_whole(full: Bench) -> None:
    wanted = Commit(SID, fence=1, op="op-1", head=0, jn=0, consumed=0, events=[b"{}"])
    for attempt in (full.one.ingest(command("a")), full.commit(wanted)):
        with pytest.raises(CodelabError) as caught:
            await attempt
        assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "store_full")

    assert await full.meta("inn", "head", "op") == ["0", "0", ""]


async def test_leases_survive_a_full_store(full: Bench) -> None:
    assert await full.one.renew(0, {SID: 1}) == {SID: 0}
    assert await full.one.claim(SID) is not None
    assert await full.one.release(SID, 2, "0")
    assert await full.two.claim(SID) is not None


async def test_an_absent_server_is_unavailable() -> None:
    connection = Connection(client("unix:///nowhere/store.sock"))

    with pytest.raises(CodelabError) as caught:
        await connection.run(Call(Script.load("due"), [], []))

    assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "store_unavailable")
    await connection.close()


async def test_a_burst_waits_for_a_socket_and_is_not_refused(store_server: str) -> None:
    """O-08: with the library's own pool more than 100 calls at once are errors."""
    redis = client(store_server)
    connection = Connection(redis)

    async with asyncio.TaskGroup() as tasks:
        pings = [tasks.create_task(connection.ping()) for _ in range(300)]

    assert all(ping.done() for ping in pings)
    assert len(await redis.client_list()) < 100
    await connection.close()
