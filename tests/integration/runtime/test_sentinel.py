"""A store behind Sentinels: its master dies, the sessions go on at the next one."""

import asyncio
from pathlib import Path

import anyio
import pytest

from codelab_core.settings import RuntimeSettings, SettingsError
from codelab_runtime.backend import open_backend
from harness.agent import Agent, text_of
from harness.runtimes import Cluster, cluster
from harness.sentinels import Watched, watched

FAILOVER_S = 20


async def whole_log(agent: Agent) -> list[dict[str, object]]:
    """The log, read again until the turn is over."""
    with anyio.fail_after(FAILOVER_S):
        while True:
            status, _ = await agent.get()
            if status == 200:
                return await agent.until("turn_completed")
            await asyncio.sleep(0.05)


async def moved(store: Watched) -> None:
    """Wait until the Sentinel has made the copy the master."""
    with anyio.fail_after(FAILOVER_S):
        while await store.master_port() != store.ports["two"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def in_mid_turn(runtimes: Cluster) -> tuple[Agent, str]:
    """A session whose answer is being written, and its epoch."""
    agent = Agent(runtimes)
    await agent.attach()
    await agent.say("write 90 tokens at 60 per second")
    async with agent.stream() as stream:
        await stream.until("assistant_message")
        return agent, stream.position.partition(":")[0]


async def test_a_turn_outlives_the_master(tmp_path: Path, proxy_url: str) -> None:
    async with watched(tmp_path) as store, cluster(store.url, proxy_url, 2) as runtimes:
        agent, _ = await in_mid_turn(runtimes)

        await store.kill("one")
        await moved(store)
        events = await whole_log(agent)

        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert text_of(events) == " ".join(f"t{n:05d}" for n in range(1, 91))
        assert text_of(await agent.turn("echo again")).endswith("Echo: again")


async def test_a_password_for_the_server_and_another_for_its_sentinels(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("for-the-server\n")
    (tmp_path / "sentinel-word").write_text("for-the-sentinels\n")
    words = {"password": "for-the-server", "sentinel_password": "for-the-sentinels"}
    async with watched(tmp_path, **words) as store:
        settings = RuntimeSettings.exactly(
            redis_url=store.url,
            redis_password_file=tmp_path / "word",
            redis_sentinel_password_file=tmp_path / "sentinel-word",
        )
        async with open_backend(settings) as backend:
            assert await backend.commands.set("name", "value")

        async with store.bare("one") as master:
            assert await master.get("name") == b"value"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+cluster://h1,h2", "Redis Cluster is not supported by this release"),
        ("redis+sentinel://h1", "ends in /<name of the master>"),
        ("http://:word@h1", "the address of a store begins with one of"),
    ],
)
async def test_an_address_that_cannot_be_used_ends_the_start(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=r"^CODELAB_REDIS_URL: ") as caught:
        async with open_backend(RuntimeSettings.exactly(redis_url=url)):
            pass

    assert why in str(caught.value)
    assert "word" not in str(caught.value)
