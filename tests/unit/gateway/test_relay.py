from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import orjson
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.metrics import Metrics
from codelab_gateway.relay import RING_EVENTS, Relay
from codelab_gateway.runtime_client import RuntimeClient, Timeouts
from fakes.clock import HandClock
from fakes.fake_runtime import (
    EPOCH,
    FakeRuntime,
    Reply,
    Stream,
    control,
    event,
    level,
)

OTHER_EPOCH = "0" * 16


class Follower:
    """A connection that notes what it is told; `faulty` ones fail on events."""

    def __init__(self, last: int = 0, epoch: str = EPOCH, *, faulty: bool = False) -> None:
        self.epoch, self.last = epoch, last
        self.told: list[Any] = []
        self._faulty = faulty

    def event(self, seq: int, data: bytes) -> None:
        if self._faulty:
            raise ValueError(seq)
        assert orjson.loads(data)["seq"] == seq
        self.last = seq
        self.told.append(seq)

    def resync(self, data: bytes) -> None:
        body = orjson.loads(data)
        self.epoch, self.last = body["epoch"], body["seq"]
        self.told.append(("resync", body["seq"]))

    def degraded(self, *, state: bool) -> None:
        self.told.append("degraded" if state else "live")

    def gone(self, error: CodelabError) -> None:
        self.told.append(error.code)

    async def room(self) -> None:
        """There is always room."""


@pytest.fixture
async def client(runtime: FakeRuntime) -> AsyncIterator[RuntimeClient]:
    endpoints = Endpoints(runtime.url, HandClock(), Metrics(CollectorRegistry()))
    timeouts = Timeouts(budget_s=1, silence_s=0.5)
    async with RuntimeClient(endpoints, None, jitter_source(), timeouts) as opened:
        yield opened


@asynccontextmanager
async def running(client: RuntimeClient, *followers: Follower) -> AsyncIterator[Relay]:
    """A relay that reads until the block ends."""
    relay = Relay("s", "alice", client, jitter_source())
    for follower in followers:
        assert relay.join(follower)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(relay.run)
            yield relay
            tasks.cancel_scope.cancel()


async def told(follower: Follower, what: Any) -> list[Any]:
    """Everything told, once `what` has been."""
    while what not in follower.told:
        await anyio.lowlevel.checkpoint()
    return follower.told


async def test_all_followers_get_every_event_once_and_in_order(
    runtime: FakeRuntime, client: RuntimeClient
) -> None:
    """G-02, G-06: whatever the pieces of the stream are."""
    wire = b"".join(event(seq) for seq in range(1, 31))
    runtime.streams.append(Stream(tuple(wire[at : at + 7] for at in range(0, len(wire), 7))))
    first, second = Follower(), Follower(last=3)
    async with running(client, first, second):
        assert await told(first, 30) == list(range(1, 31))
        assert second.told == list(range(4, 31))


async def test_a_follower_that_comes_later_has_the_events_at_hand(
    runtime: FakeRuntime, client: RuntimeClient
) -> None:
    runtime.streams.append(Stream(tuple(event(seq) for seq in range(11, 16))))
    first, late, current = Follower(last=10), Follower(last=12), Follower(last=15)
    async with running(client, first) as relay:
        await told(first, 15)

        assert relay.join(late)
        assert relay.join(current)

    assert (late.told, current.told) == ([13, 14, 15], [])
    assert len(runtime.of("/events")) == 1


@pytest.mark.parametrize(
    "follower",
    [
        pytest.param(Follower(last=9), id="older-than-the-ring"),
        pytest.param(Follower(last=12, epoch=OTHER_EPOCH), id="another-epoch"),
    ],
)
async def test_a_follower_from_elsewhere_cannot_join(
    runtime: FakeRuntime, client: RuntimeClient, follower: Follower
) -> None:
    runtime.streams.append(Stream((event(11),)))
    first = Follower(last=10)
    async with running(client, first) as relay:
        await told(first, 11)

        assert not relay.join(follower)


async def test_an_older_follower_catches_up_on_a_stream_of_its_own(
    runtime: FakeRuntime, client: RuntimeClient
) -> None:
    runtime.streams += [
        Stream((event(11), event(12))),
        Stream(tuple(event(seq) for seq in range(1, 13))),
    ]
    first, old = Follower(last=10), Follower()
    async with running(client, first) as relay:
        await told(first, 12)
        await relay.catch_up(old)

        assert relay.join(old)

    assert old.told == list(range(1, 13))
    assert runtime.of("/events")[1].headers["last-event-id"] == f"{EPOCH}:0"


async def test_a_follower_of_an_old_epoch_is_given_the_new_one(
    runtime: FakeRuntime, client: RuntimeClient
) -> None:
    begin = control("resync", epoch=EPOCH, seq=12, reason="epoch_changed", snapshot={})
    runtime.streams += [Stream((event(11), event(12))), Stream((begin,))]
    first, old = Follower(last=10), Follower(last=99, epoch=OTHER_EPOCH)
    async with running(client, first) as relay:
        await told(first, 12)
        await relay.catch_up(old)

        assert relay.join(old)

    assert old.told == [("resync", 12)]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(Stream((event(1), event(2)), "end"), id="end"),
        pytest.param(Stream((event(1), event(2), event(3)[:20]), "cut"), id="cut-in-an-event"),
        pytest.param(Stream((event(1), event(2), control("drain"))), id="drain"),
        pytest.param(Stream((event(1), event(2), control("slow"))), id="slow"),
        pytest.param(Stream((event(1), event(2), event(4))), id="gap"),
        pytest.param(Stream((event(1), event(2), event(3, epoch=OTHER_EPOCH))), id="epoch"),
        pytest.param(Stream((event(1), event(2), level(9))), id="behind"),
        pytest.param(Stream((event(1), event(2), level(0, OTHER_EPOCH))), id="behind-an-epoch"),
        pytest.param(Stream((event(1), event(2), b"id: x\ndata: {}\n\n")), id="no-number"),
        pytest.param(Stream((event(1), event(2))), id="silence"),
        pytest.param(
            Stream((event(1), event(2), b"event: resync\ndata: no\n\n")), id="damaged-resync"
        ),
    ],
)
async def test_a_stream_that_breaks_is_opened_again_where_it_ended(
    runtime: FakeRuntime, client: RuntimeClient, first: Stream
) -> None:
    """G-07: 0 gaps, 0 duplicates, 0 reorderings."""
    runtime.streams += [first, Stream((event(2), level(2), event(3), event(4)))]
    follower = Follower()
    async with running(client, follower):
        assert await told(follower, 4) == [1, 2, 3, 4]

    positions = [asked.headers["last-event-id"] for asked in runtime.of("/events")]
    assert positions[:2] == [f"{EPOCH}:0", f"{EPOCH}:2"]


async def test_a_runtime_that_is_away_is_told_of_and_its_return_too(
    runtime: FakeRuntime, client: RuntimeClient
) -> None:
    runtime.streams += [Reply(503), Reply(503), Stream((event(1),))]
    follower, late = Follower(), Follower()
    async with running(client, follower) as relay:
        await told(follower, "degraded")
        assert relay.join(late)

        assert await told(follower, 1) == ["degraded", "live", 1]
        assert late.told == ["degraded", "live", 1]


async def test_a_resync_starts_everybody_anew(runtime: FakeRuntime, client: RuntimeClient) -> None:
    begin = control("resync", epoch=OTHER_EPOCH, seq=1, reason="epoch_changed", snapshot={})
    runtime.streams.append(Stream((event(1), begin, event(2, epoch=OTHER_EPOCH))))
    follower = Follower()
    async with running(client, follower) as relay:
        assert await told(follower, 2) == [1, ("resync", 1), 2]
        assert (relay.epoch, relay.first) == (OTHER_EPOCH, 2)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(Stream((control("gone"),)), id="gone"),
        pytest.param(Reply.refusal(404, "SESSION_NOT_FOUND"), id="unknown"),
    ],
)
async def test_a_session_that_is_gone_ends_the_relay(
    runtime: FakeRuntime, client: RuntimeClient, stream: Stream | Reply
) -> None:
    runtime.streams.append(stream)
    follower = Follower()
    async with running(client, follower) as relay:
        await told(follower, Code.SESSION_NOT_FOUND)

    assert relay.is_over


async def test_a_follower_that_fails_is_alone_with_it(
    runtime: FakeRuntime, client: RuntimeClient
) -> None:
    runtime.streams.append(Stream((event(1), event(2))))
    good, faulty = Follower(), Follower(faulty=True)
    async with running(client, good, faulty):
        await told(good, 2)

    assert (good.told, faulty.told) == ([1, 2], [Code.INTERNAL])


async def test_the_ring_is_bounded(runtime: FakeRuntime, client: RuntimeClient) -> None:
    """By number, and by bytes: an event may be as large as a frame."""
    many = b"".join(event(seq) for seq in range(1, RING_EVENTS + 11))
    large = event(RING_EVENTS + 11, {"type": "error", "message": "x" * 300_000})
    runtime.streams.append(Stream((many,)))
    follower = Follower()
    async with running(client, follower) as relay:
        await told(follower, RING_EVENTS + 10)
        before = relay.first
        runtime.push(large)
        await told(follower, RING_EVENTS + 11)

        assert (before, relay.first) == (11, RING_EVENTS + 12)
