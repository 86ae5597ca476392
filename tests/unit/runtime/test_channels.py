import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import fakeredis
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as StoreGoneError

from codelab_core.server import cancelled_at_end
from codelab_runtime import channels as module
from codelab_runtime.channels import Channels


class Heard:
    """What a handler was given."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()

    def __call__(self, message: bytes) -> None:
        self.messages.put_nowait(message)

    async def next(self) -> bytes:
        with anyio.fail_after(2):
            return await self.messages.get()


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Channels, Redis]]:
    """Channels that receive, and a client to publish with."""
    redis = fakeredis.FakeAsyncRedis(protocol=3)
    channels = Channels(redis)
    wake = Heard()
    channels.hear("wk", wake)
    async with cancelled_at_end() as tasks:
        tasks.create_task(channels.run())
        yield channels, redis
    await redis.aclose()


async def test_messages_reach_the_handler_of_their_channel() -> None:
    first, second = Heard(), Heard()

    async with running() as (channels, redis):
        await channels.subscribe("one", first)
        await channels.subscribe("two", second)
        await redis.publish("two", "b")
        await redis.publish("one", "a")

        assert (await first.next(), await second.next()) == (b"a", b"b")


async def test_nothing_is_heard_after_leaving() -> None:
    first, second = Heard(), Heard()

    async with running() as (channels, redis):
        await channels.subscribe("one", first)
        await channels.subscribe("two", second)
        await channels.unsubscribe("one")
        await redis.publish("one", "a")
        await redis.publish("two", "b")
        await second.next()

    assert first.messages.empty()


async def test_who_waits_for_a_subscription_that_is_given_up_is_let_go() -> None:
    """A session may become ours in the moment in which a reader subscribes to it."""
    redis = fakeredis.FakeAsyncRedis(protocol=3)
    channels = Channels(redis)  # does not run: nothing is ever confirmed

    with anyio.fail_after(module.CONFIRM_TIMEOUT_S / 2):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(channels.subscribe("one", Heard()))
            await asyncio.sleep(0)
            await channels.unsubscribe("one")
    await redis.aclose()


async def test_a_confirmation_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONFIRM_TIMEOUT_S", 0.01)
    redis = fakeredis.FakeAsyncRedis(protocol=3)

    await Channels(redis).subscribe("one", Heard())

    await redis.aclose()


async def test_after_a_lost_connection_everything_is_heard_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "POLL_S", 0.05)
    heard, lost = Heard(), asyncio.Event()
    server = fakeredis.FakeServer()
    redis = fakeredis.FakeAsyncRedis(server=server, protocol=3)
    channels = Channels(redis)
    channels.lost = lost.set
    channels.hear("wk", heard)

    async with cancelled_at_end() as tasks:
        tasks.create_task(channels.run())
        await channels.subscribe("one", heard)
        server.connected = False
        with pytest.raises(StoreGoneError):
            await redis.publish("one", "a")
        with anyio.fail_after(15):
            await lost.wait()
        server.connected = True
        lost.clear()
        await channels.subscribe("two", heard)
        for channel in ("one", "two", "wk"):
            await redis.publish(channel, channel)

        assert {await heard.next() for _ in range(3)} == {b"one", b"two", b"wk"}
    await redis.aclose()
