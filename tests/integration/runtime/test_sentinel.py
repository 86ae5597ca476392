"""A store behind Sentinels: its master dies, the sessions go on at the next one."""

import asyncio
import signal
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from codelab_core.settings import RuntimeSettings, SettingsError
from codelab_runtime.backend import open_backend
from fakes.certificates import Authority
from harness.agent import Agent, text_of
from harness.runtimes import Cluster, cluster
from harness.sentinels import Watched, watched
from harness.stores import bench_of, commit_of

FAILOVER_S = 40
ANSWER = " ".join(f"t{n:05d}" for n in range(1, 301))


async def moved(store: Watched) -> None:
    """Wait until the Sentinel has made the copy the master."""
    with anyio.fail_after(FAILOVER_S):
        while await store.master_port() != store.ports["two"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def in_mid_turn(runtimes: Cluster) -> Agent:
    """A session whose answer is being written."""
    agent = Agent(runtimes)
    await agent.attach()
    await agent.say("write 300 tokens at 60 per second")
    await agent.until("assistant_message")
    return agent


async def test_a_turn_outlives_the_master(tmp_path: Path, proxy_url: str) -> None:
    async with watched(tmp_path) as store, cluster(store.url, proxy_url, 2) as runtimes:
        agent = await in_mid_turn(runtimes)

        await store.kill("one")
        await moved(store)
        events = await agent.whole_log("turn_completed", FAILOVER_S)

        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert text_of(events) == ANSWER
        await agent.say("echo again")
        both = await agent.whole_log("turn_completed", FAILOVER_S, times=2)
        assert text_of(both) == ANSWER + "Echo: again"


@pytest.mark.parametrize("who_dies", ["the master", "the master and the owner"])
async def test_a_reader_of_what_the_store_lost_is_told_so(
    who_dies: str, tmp_path: Path, proxy_url: str
) -> None:
    async with watched(tmp_path) as store, cluster(store.url, proxy_url, 2) as runtimes:
        agent = await in_mid_turn(runtimes)
        await store.cut_off("two")
        async with store.bare("two") as copy:
            kept = await copy.hget(runtimes.keys.session(agent.session_id, "meta"), "head")
        async with agent.stream() as stream:
            await stream.until(lambda event: event["seq"] > int(kept or 0) + 5)
            position = stream.position

        if who_dies == "the master and the owner":
            await runtimes.kill(await runtimes.driving())
        await store.kill("one")
        await moved(store)
        events = await agent.whole_log("turn_completed", FAILOVER_S)

        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert text_of(events) == ANSWER
        async with agent.stream(last_event_id=position) as stream:
            resync = await stream.next_control("resync")
        assert resync["reason"] == "epoch_changed"
        assert resync["epoch"] != position.partition(":")[0]


async def answered(redis: Redis, name: str) -> object:
    """A value, asked for until the store answers."""
    with anyio.fail_after(FAILOVER_S):
        while True:
            try:
                return await redis.get(name)
            except (RedisError, OSError):
                await asyncio.sleep(0.05)


async def test_passwords_and_tls_to_the_servers_and_their_sentinels(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("for-the-server\n")
    (tmp_path / "sentinel-word").write_text("for-the-sentinels\n")
    words = {"password": "for-the-server", "sentinel_password": "for-the-sentinels"}
    authority = Authority(tmp_path)
    context = authority.server("127.0.0.1")
    async with watched(tmp_path, **words, context=context) as store:
        settings = RuntimeSettings.exactly(
            redis_url=store.url,
            redis_password_file=tmp_path / "word",
            redis_sentinel_password_file=tmp_path / "sentinel-word",
            redis_ca_file=authority.file,
        )
        async with open_backend(settings) as backend:
            assert await backend.commands.set("name", "value")
            await store.copied("two", of="one")

            await store.kill("one")
            await moved(store)

            assert await answered(backend.commands, "name") == b"value"
            assert await answered(backend.channels, "name") == b"value"


async def test_a_master_that_slept_through_the_failover_gets_no_more_commands(
    tmp_path: Path,
) -> None:
    """Its connections were never closed by anybody, and it still believes in itself."""
    async with watched(tmp_path) as store, bench_of(store.url) as bench:
        claim = await bench.claimed()
        await store.copied("two", of="one")
        before = bench.one.connection.term
        store.processes["one"].send_signal(signal.SIGSTOP)
        with anyio.fail_after(FAILOVER_S):
            while bench.one.connection.term == before:  # noqa: ASYNC110 -- nobody is told
                await asyncio.sleep(0.02)
        store.processes["one"].send_signal(signal.SIGCONT)

        done = await bench.commit(commit_of(claim, events=[b"{}"]))

        assert done.head == 1
        async with store.bare("two") as master:
            assert await master.hget(bench.key("meta"), "head") == b"1"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+cluster://h1,h2", "Redis Cluster is not supported by this release"),
        ("redis+sentinel://h1", "ends in /<name of the master>"),
        ("http://:word@h1", "the address of a store begins with one of"),
        ("redis://h:word", "not an address of a store"),
    ],
)
async def test_an_address_that_cannot_be_used_ends_the_start(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=r"^CODELAB_REDIS_URL: ") as caught:
        async with open_backend(RuntimeSettings.exactly(redis_url=url)):
            pass

    assert why in str(caught.value)
    assert "word" not in str(caught.value)
