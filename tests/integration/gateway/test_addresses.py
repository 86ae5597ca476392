"""One name, several runtimes: sessions stay with their own, others take over under the same cid."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import SYSTEM_CLOCK, jitter_source
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.metrics import Metrics
from codelab_gateway.runtime_client import RuntimeClient, Timeouts
from fakes.fake_runtime import FakeRuntime, Reply, Stream, event, fake_runtime
from harness.front import front
from harness.sockets import opened

HOSTS = ["127.0.0.1", "127.0.0.2"]
SESSIONS = [f"s{number}" for number in range(40)]


class Pods:
    """Runtimes on one port and several addresses, as behind a headless Service."""

    def __init__(self, runtimes: dict[str, FakeRuntime]) -> None:
        self.runtimes = runtimes
        self.named = list(runtimes)

    async def resolve(self, _host: str, _port: int) -> list[str]:
        """The addresses that the name stands for now."""
        return self.named

    def asked(self) -> dict[str, set[str]]:
        """Which address was asked for which sessions."""
        return {
            host: {asked.body["session_id"] for asked in runtime.of("/message")}
            for host, runtime in self.runtimes.items()
        }

    def cids(self) -> Counter[str]:
        """How often each command arrived anywhere."""
        found: Counter[str] = Counter()
        for runtime in self.runtimes.values():
            found.update(asked.body["cid"] for asked in runtime.of("/message"))
        return found


@pytest.fixture
async def pods() -> AsyncIterator[Pods]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(fake_runtime(HOSTS[0]))
        port = int(first.url.rpartition(":")[2])
        second = await stack.enter_async_context(fake_runtime(HOSTS[1], port))
        yield Pods(dict(zip(HOSTS, (first, second), strict=True)))


@asynccontextmanager
async def client_of(
    pods: Pods, **timeouts: float
) -> AsyncIterator[tuple[RuntimeClient, Endpoints]]:
    """A client that knows the pods by one name."""
    port = pods.runtimes[HOSTS[0]].url.rpartition(":")[2]
    metrics = Metrics(CollectorRegistry())
    endpoints = Endpoints(f"http://runtime:{port}", SYSTEM_CLOCK, metrics, pods.resolve)
    await endpoints.refresh()
    async with RuntimeClient(endpoints, None, jitter_source(), Timeouts(**timeouts)) as client:
        yield client, endpoints


async def post_all(client: RuntimeClient) -> None:
    """One command of each session, each with a cid of its own."""
    with anyio.fail_after(20):
        for session in SESSIONS:
            body = {"session_id": session, "cid": f"k-{session}"}
            await client.command("/message", session, "alice", body)


async def test_each_session_stays_with_one_runtime(pods: Pods) -> None:
    """K-06."""
    async with client_of(pods) as (client, _):
        await post_all(client)
        await post_all(client)

    asked = pods.asked()
    assert asked[HOSTS[0]] | asked[HOSTS[1]] == set(SESSIONS)
    assert asked[HOSTS[0]] & asked[HOSTS[1]] == set()
    assert all(10 <= len(sessions) <= 30 for sessions in asked.values())


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Reply(500, {}), id="broken"),
        pytest.param(Reply.refusal(503, "UNAVAILABLE", "draining"), id="leaving"),
        pytest.param(Reply(0), id="hanging"),
    ],
)
async def test_the_other_takes_over_under_the_same_cid(pods: Pods, trouble: Reply) -> None:
    pods.runtimes[HOSTS[1]].replies["/message"] = [trouble]
    async with client_of(pods, answer_s=0.1) as (client, _):
        await post_all(client)
        tried = len(pods.runtimes[HOSTS[1]].of("/message"))

    assert pods.asked()[HOSTS[0]] == set(SESSIONS)
    assert 5 <= tried <= 8  # then its breaker was open, but for a probe now and then
    assert sum(pods.cids().values()) >= len(SESSIONS) + tried  # a busy machine may be late itself
    assert max(pods.cids().values()) <= 2


async def test_an_address_that_is_gone_from_the_name_is_not_asked(pods: Pods) -> None:
    async with client_of(pods) as (client, endpoints):
        pods.named = HOSTS[1:]
        await endpoints.refresh()
        await post_all(client)

    assert pods.asked() == {HOSTS[0]: set(), HOSTS[1]: set(SESSIONS)}


async def test_a_stream_goes_on_wherever_it_can(pods: Pods) -> None:
    """G-07: where it ended, no event twice and none lost."""
    first, second = pods.runtimes.values()
    second.streams = first.streams
    first.streams += [
        Stream((event(1), event(2)), "cut"),
        Reply(503),
        Stream((event(2), event(3), event(4)), "end"),
        Stream((event(5),)),
    ]
    async with (
        front(f"{first.url},{second.url}") as running,
        opened(f"{running.socket_url}/ws/s") as socket,
    ):
        await socket.hello()
        seqs = [(await socket.until(lambda frame: "seq" in frame))["seq"] for _ in range(5)]

    assert seqs == [1, 2, 3, 4, 5]
    assert first.of("/events")
    assert second.of("/events")
