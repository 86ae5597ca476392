import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from prometheus_client import CollectorRegistry, Gauge

from codelab_core.clock import jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.server import cancelled_at_end
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.metrics import Metrics
from codelab_gateway.relays import Relays
from codelab_gateway.runtime_client import RuntimeClient
from fakes.clock import HandClock
from fakes.fake_runtime import EPOCH, FakeRuntime, Reply, Stream, event


class Follower:
    """A connection that notes the numbers it is given."""

    def __init__(self, last: int = 0) -> None:
        self.epoch, self.last = EPOCH, last
        self.seen: list[int] = []

    def event(self, seq: int, _data: bytes) -> None:
        self.last = seq
        self.seen.append(seq)

    def resync(self, _data: bytes) -> None:
        """Does not happen here."""

    def degraded(self, *, state: bool) -> None:
        """Nobody to tell."""

    def gone(self, _error: CodelabError) -> None:
        self.seen.append(-1)

    async def room(self) -> None:
        """There is always room."""


@pytest.fixture
def gauge() -> Gauge:
    return Gauge("streams", "streams", registry=CollectorRegistry())


@asynccontextmanager
async def relays_of(runtime: FakeRuntime, gauge: Gauge) -> AsyncIterator[Relays]:
    endpoints = Endpoints(runtime.url, HandClock(), Metrics(CollectorRegistry()))
    async with (
        asyncio.timeout(10),
        RuntimeClient(endpoints, None, jitter_source()) as client,
        cancelled_at_end() as tasks,
    ):
        yield Relays(client, tasks, jitter_source(), gauge)


def level(gauge: Gauge) -> float:
    (metric,) = gauge.collect()
    return float(metric.samples[0].value)


async def seen(follower: Follower, seq: int) -> list[int]:
    while seq not in follower.seen:
        await anyio.lowlevel.checkpoint()
    return follower.seen


async def test_followers_of_a_session_share_one_stream(runtime: FakeRuntime, gauge: Gauge) -> None:
    runtime.streams.append(Stream((event(1),)))
    first, second = Follower(), Follower()
    async with relays_of(runtime, gauge) as relays:
        await relays.follow("s", "alice", first)
        await seen(first, 1)
        await relays.follow("s", "alice", second)

        assert second.seen == [1]
        assert (len(runtime.of("/events")), level(gauge)) == (1, 1.0)


async def test_the_last_follower_ends_the_stream(runtime: FakeRuntime, gauge: Gauge) -> None:
    first, second = Follower(), Follower()
    async with relays_of(runtime, gauge) as relays:
        for follower in (first, second):
            await relays.follow("s", "alice", follower)
        await runtime.settled(lambda: runtime.readers == 1)

        relays.leave("s", first)
        still = (level(gauge), runtime.readers)
        relays.leave("s", second)
        relays.leave("s", second)
        await runtime.settled(lambda: runtime.readers == 0)

        assert (still, level(gauge)) == ((1.0, 1), 0.0)


async def test_a_follower_behind_the_ring_gets_the_history_first(
    runtime: FakeRuntime, gauge: Gauge
) -> None:
    runtime.streams += [
        Stream((event(5),)),
        Reply(503),
        Stream((event(1), event(2)), "end"),
        Stream((event(3), event(4), event(5))),
    ]
    current, old = Follower(last=4), Follower()
    async with relays_of(runtime, gauge) as relays:
        await relays.follow("s", "alice", current)
        await seen(current, 5)
        await relays.follow("s", "alice", old)

        assert old.seen == [1, 2, 3, 4, 5]


async def test_what_the_runtime_refuses_is_raised(runtime: FakeRuntime, gauge: Gauge) -> None:
    runtime.streams += [Stream((event(5),)), Reply.refusal(404, "SESSION_NOT_FOUND")]
    current = Follower(last=4)
    async with relays_of(runtime, gauge) as relays:
        await relays.follow("s", "alice", current)
        await seen(current, 5)

        with pytest.raises(CodelabError) as refused:
            await relays.follow("s", "alice", Follower())

    assert refused.value.code is Code.SESSION_NOT_FOUND


async def test_a_session_that_was_removed_may_begin_again(
    runtime: FakeRuntime, gauge: Gauge
) -> None:
    runtime.streams += [Reply.refusal(404, "SESSION_NOT_FOUND"), Stream((event(1),))]
    first, second = Follower(), Follower()
    async with relays_of(runtime, gauge) as relays:
        await relays.follow("s", "alice", first)
        await seen(first, -1)
        await relays.follow("s", "alice", second)

        assert await seen(second, 1) == [1]
