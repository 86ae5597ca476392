import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as StoreConnectionError

from codelab_core.server import cancelled_at_end
from codelab_runtime.packing import Tls
from codelab_runtime.sentinels import MasterPool, PackedTlsMaster, master_pool
from codelab_runtime.store_address import SentinelAddress
from fakes.talking_store import TalkingStore, talking_store, watched_master

NOBODY = 1
"""A port where nobody listens."""


@dataclass
class Sight:
    """Two stores, and a Sentinel that says which of them is the master."""

    stores: list[TalkingStore] = field(default_factory=list)
    sentinel: Any = None
    master: int = 0
    name: str = "m"
    flags: str = "master"

    def said(self, _command: list[bytes]) -> str:
        """The Sentinel's word."""
        port = self.stores[self.master].port
        return watched_master(self.name, port, 7 + self.master, self.flags)


def answered(command: list[bytes]) -> str:
    """A store's word; it is silent about `WAIT`."""
    return "" if command[0] == b"WAIT" else "+PONG\r\n"


@asynccontextmanager
async def sights() -> AsyncIterator[tuple[Sight, Redis, MasterPool]]:
    """They, and a client that was told of two Sentinels; the first one is not there."""
    async with AsyncExitStack() as stack:
        sight = Sight()
        for _ in range(2):
            sight.stores.append(await stack.enter_async_context(talking_store(answered)))
        sight.sentinel = await stack.enter_async_context(talking_store(sight.said))
        watchers = (("127.0.0.1", NOBODY), ("127.0.0.1", sight.sentinel.port))
        pool = master_pool(
            SentinelAddress(watchers, "m", is_tls=False),
            {},
            max_connections=4,
            timeout=1,
            protocol=3,
            retry=Retry(NoBackoff(), 0),
        )
        redis = Redis.from_pool(pool)
        stack.push_async_callback(redis.aclose)
        yield sight, redis, cast("MasterPool", pool)


async def closed(server: TalkingStore) -> None:
    """Wait until nobody is connected to a server."""
    with anyio.fail_after(20):
        while server.open:  # noqa: ASYNC110 -- it sees it when it reads
            await asyncio.sleep(0.001)


async def test_commands_go_to_the_master() -> None:
    async with sights() as (sight, redis, pool):
        before = pool.term
        await redis.ping()

        assert [store.told for store in sight.stores] == [[[b"PING"]], []]
        assert (before, pool.term) == ("", f"7@127.0.0.1:{sight.stores[0].port}")


async def test_a_look_closes_connections_to_a_master_of_before() -> None:
    async with sights() as (sight, redis, pool):
        await redis.ping()
        sight.master = 1

        await pool.look()

        await closed(sight.stores[0])
        await redis.ping()
        assert [len(store.told) for store in sight.stores] == [1, 1]
        assert pool.term == f"8@127.0.0.1:{sight.stores[1].port}"


async def test_a_command_that_waits_for_a_master_of_before_fails_at_once() -> None:
    async with sights() as (sight, redis, pool), cancelled_at_end() as tasks:
        waiting = tasks.create_task(failure(redis))
        with anyio.fail_after(20):
            while not sight.stores[0].told:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        sight.master = 1

        await pool.look()

        with anyio.fail_after(20):
            assert isinstance(await waiting, StoreConnectionError)


async def failure(redis: Redis) -> Exception | None:
    """What a command ends with that nobody answers."""
    try:
        await cast("Any", redis).execute_command("WAIT", 1, 0)
    except StoreConnectionError as error:
        return error
    return None


async def test_a_look_that_finds_nothing_new_closes_nothing() -> None:
    async with sights() as (sight, redis, pool):
        await redis.ping()

        await pool.look()
        await pool.look()

        assert sight.stores[0].open == 1
        assert sight.sentinel.open == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": "other"}, id="of another name"),
        pytest.param({"flags": "master,s_down"}, id="that does not answer"),
        pytest.param({"flags": "slave"}, id="that is none"),
    ],
)
async def test_a_master_is_not_asked(change: dict[str, str]) -> None:
    async with sights() as (sight, redis, pool):
        for name, value in change.items():
            setattr(sight, name, value)

        with pytest.raises(MasterNotFoundError):
            await redis.ping()

        assert [store.told for store in sight.stores] == [[], []]
        assert pool.term == ""


async def test_without_sentinels_the_master_of_before_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with sights() as (sight, redis, pool):
        await redis.ping()
        sight.flags = "master,o_down"

        await pool.look()
        await redis.ping()

        assert len(sight.stores[0].told) == 2
        assert "no Sentinel answers" in caplog.messages


async def test_the_end_closes_everything() -> None:
    async with sights() as (sight, redis, _):
        await redis.ping()

        await redis.aclose()

        await closed(sight.stores[0])
        await closed(sight.sentinel)


def test_over_tls_files_are_read_again_for_sentinels_as_for_the_master() -> None:
    pool = cast("Any", master_pool(SentinelAddress((("h", 1),), "m", is_tls=True), {}))

    watcher = pool.sentinel_manager.sentinels[0].connection_pool
    assert [pool.connection_class, watcher.connection_class] == [PackedTlsMaster, Tls]
