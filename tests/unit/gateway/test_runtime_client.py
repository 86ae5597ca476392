import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import InternalKeys
from codelab_core.observability import REQUEST_ID
from codelab_core.sse import SseEvent
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.metrics import Metrics
from codelab_gateway.runtime_client import RuntimeClient, Timeouts
from fakes.clock import HandClock
from fakes.fake_runtime import EPOCH, FakeRuntime, Reply, Stream, event, fake_runtime, level

KEY = "a-key-between-services"
SHORT = Timeouts(budget_s=0.6, answer_s=0.2, silence_s=0.2)
PATIENT = Timeouts()


@asynccontextmanager
async def client_of(*urls: str, timeouts: Timeouts = PATIENT) -> AsyncIterator[RuntimeClient]:
    """A client of runtimes at these addresses."""
    endpoints = Endpoints(",".join(urls), HandClock(), Metrics(CollectorRegistry()))
    client = RuntimeClient(endpoints, InternalKeys((KEY,)), jitter_source(), timeouts)
    async with client:
        yield client


@pytest.fixture
async def other() -> AsyncIterator[FakeRuntime]:
    async with fake_runtime("127.0.0.2") as fake:
        yield fake


async def unavailable(client: RuntimeClient) -> bool:
    with pytest.raises(CodelabError) as refused:
        await client.command("/message", "s", "alice", {"cid": "k"})
    return (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "agent")


async def test_a_command_says_who_asks_and_why(runtime: FakeRuntime) -> None:
    runtime.replies["/message"] = [Reply(200, {"turn_id": "t1"})]
    token = REQUEST_ID.set("r-1")
    async with client_of(runtime.url) as client:
        answer = await client.command("/message", "s", "alice", {"cid": "k"})
    REQUEST_ID.reset(token)

    asked = runtime.asked[0]
    names = ("x-internal-auth", "x-principal", "x-request-id", "content-type")
    assert answer == {"turn_id": "t1"}
    assert (asked.method, asked.path, asked.body) == ("POST", "/agent/message", {"cid": "k"})
    assert [asked.headers[name] for name in names] == [KEY, "alice", "r-1", "application/json"]


@pytest.mark.parametrize(
    "reply", [pytest.param(Reply(204, None), id="none"), pytest.param(Reply(200, [1]), id="list")]
)
async def test_an_answer_that_is_no_object_says_nothing(runtime: FakeRuntime, reply: Reply) -> None:
    runtime.replies["/ack"] = [reply]
    async with client_of(runtime.url) as client:
        assert await client.command("/ack", "s", "alice", {}) == {}


async def test_a_path_is_sent_as_it_is(runtime: FakeRuntime) -> None:
    """`..` is a good session id, and must not climb."""
    async with client_of(runtime.url) as client:
        await client.call("GET", "/agent/sessions/../history?limit=5", "..", "alice")

    assert (runtime.asked[0].path, runtime.asked[0].query) == (
        "/agent/sessions/../history",
        "limit=5",
    )


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply.refusal(404, "SESSION_NOT_FOUND"), (Code.SESSION_NOT_FOUND, None)),
        (Reply.refusal(409, "CONFLICT", "cid_reused"), (Code.CONFLICT, "cid_reused")),
        (Reply.refusal(503, "UNAVAILABLE", "store_full"), (Code.UNAVAILABLE, "store_full")),
        (Reply(401, {"detail": "unauthorized"}), (Code.UNAVAILABLE, "agent")),
    ],
)
async def test_a_refusal_is_the_last_word(
    runtime: FakeRuntime, reply: Reply, expected: tuple[Code, str | None]
) -> None:
    runtime.replies["/message"] = [reply]
    async with client_of(runtime.url) as client:
        with pytest.raises(CodelabError) as refused:
            await client.command("/message", "s", "alice", {})

    assert (refused.value.code, refused.value.reason) == expected
    assert len(runtime.asked) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Reply(500, {}), id="broken"),
        pytest.param(Reply.refusal(503, "UNAVAILABLE", "draining"), id="leaving"),
    ],
)
async def test_a_pod_in_trouble_is_not_asked_twice_where_there_is_another(
    runtime: FakeRuntime, other: FakeRuntime, trouble: Reply
) -> None:
    for fake in (runtime, other):
        fake.replies["/message"] = [trouble, Reply(200, {"turn_id": "t1"})]
    runtime.replies["/message"].insert(0, trouble)
    other.replies["/message"].insert(0, trouble)
    async with client_of(runtime.url, other.url) as client:
        with anyio.fail_after(20):
            await unavailable(client)

    assert {len(runtime.asked), len(other.asked)} == {1, 2}
    assert {str(asked.body) for asked in runtime.asked + other.asked} == {"{'cid': 'k'}"}


async def test_a_command_goes_to_another_address_when_its_own_is_dead(
    other: FakeRuntime,
) -> None:
    """The same `cid` goes out twice; which of two addresses is the session's own, varies."""
    async with client_of("http://127.0.0.1:9", other.url) as client:
        for number in range(8):
            await client.command("/message", f"s{number}", "alice", {"cid": f"k{number}"})

    assert [asked.body["cid"] for asked in other.asked] == [f"k{number}" for number in range(8)]


async def test_a_pod_that_hangs_does_not_use_up_the_time_of_the_others(
    runtime: FakeRuntime, other: FakeRuntime
) -> None:
    runtime.replies["/message"] = [Reply(0)]
    other.replies["/message"] = [Reply(200, {"turn_id": "t1"})]
    async with client_of(runtime.url, other.url, timeouts=SHORT) as client:
        with anyio.fail_after(20):
            answers = [
                await client.command("/message", f"s{number}", "alice", {}) for number in range(4)
            ]

    assert answers == [{"turn_id": "t1"}] * 4


@pytest.mark.parametrize(
    "reply", [pytest.param(Reply(0), id="hangs"), pytest.param(Reply(502, {}), id="broken")]
)
async def test_after_three_tries_or_the_budget_the_runtime_is_unavailable(
    runtime: FakeRuntime, reply: Reply
) -> None:
    runtime.replies["/message"] = [reply]
    async with client_of(runtime.url, timeouts=SHORT) as client:
        with anyio.fail_after(20):
            assert await unavailable(client)

    assert 1 <= len(runtime.asked) <= 3


async def test_a_dead_runtime_is_not_asked_at_all_for_a_while(runtime: FakeRuntime) -> None:
    runtime.replies["/message"] = [Reply(500, {})]
    async with client_of(runtime.url) as client:
        with anyio.fail_after(10):
            outcomes = [await unavailable(client) for _ in range(3)]

    assert outcomes == [True] * 3
    assert len(runtime.asked) == 5  # the breaker opened in the second call


async def test_the_check_passes_while_a_runtime_lives(runtime: FakeRuntime) -> None:
    async with client_of(runtime.url) as client:
        await client.check()

    assert [asked.path for asked in runtime.asked] == ["/health/live"]


async def test_a_client_that_was_not_opened_says_so() -> None:
    endpoints = Endpoints("http://a", HandClock(), Metrics(CollectorRegistry()))

    with pytest.raises(RuntimeError, match="not opened"):
        await RuntimeClient(endpoints, None, jitter_source()).check()


async def read(client: RuntimeClient, position: str = f"{EPOCH}:0") -> list[SseEvent]:
    """All events of one stream."""
    found: list[SseEvent] = []
    with anyio.fail_after(20):
        async with aclosing(client.events("s", "alice", position)) as batches:
            async for events in batches:
                found += events
    return found


async def test_events_come_as_they_were_sent_also_in_pieces(runtime: FakeRuntime) -> None:
    wire = event(1) + event(2) + level(2)
    pieces = tuple(wire[at : at + 1] for at in range(len(wire)))
    runtime.streams.append(Stream(pieces, "end"))
    async with client_of(runtime.url) as client:
        found = await read(client, f"{EPOCH}:41")

    asked = runtime.asked[0]
    assert [one.id.decode() for one in found if one.id] == [f"{EPOCH}:1", f"{EPOCH}:2"]
    assert found[-1].comment
    assert (asked.path, asked.headers["last-event-id"]) == (
        "/agent/sessions/s/events",
        f"{EPOCH}:41",
    )


async def stream_fault(client: RuntimeClient) -> tuple[Code, str | None]:
    with pytest.raises(CodelabError) as refused:
        await read(client)
    return refused.value.code, refused.value.reason


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(Stream((event(1), b"id: x"), "cut"), (Code.UNAVAILABLE, "agent"), id="cut"),
        pytest.param(Stream((event(1),), "live"), (Code.UNAVAILABLE, "agent"), id="silent"),
        pytest.param(Reply(0), (Code.UNAVAILABLE, "agent"), id="hangs"),
        pytest.param(Reply(503, {}), (Code.UNAVAILABLE, "agent"), id="503"),
        pytest.param(Reply(204, None), (Code.UNAVAILABLE, "agent"), id="no-stream"),
        pytest.param(
            Reply.refusal(404, "SESSION_NOT_FOUND"), (Code.SESSION_NOT_FOUND, None), id="gone"
        ),
    ],
)
async def test_a_stream_that_does_not_work_is_told_from_a_refusal(
    runtime: FakeRuntime, stream: Stream | Reply, expected: tuple[Code, str | None]
) -> None:
    runtime.streams.append(stream)
    async with client_of(runtime.url, timeouts=SHORT) as client:
        assert await stream_fault(client) == expected


async def test_without_any_address_there_is_no_stream() -> None:
    async with client_of() as client:
        assert await stream_fault(client) == (Code.UNAVAILABLE, "agent")


async def test_a_reader_that_leaves_early_closes_its_stream(runtime: FakeRuntime) -> None:
    async with client_of(runtime.url) as client:
        stream = client.events("s", "alice", f"{EPOCH}:0")
        await anext(stream)
        await runtime.settled(lambda: runtime.readers == 1)
        await stream.aclose()

        await runtime.settled(lambda: runtime.readers == 0)


async def test_a_cancelled_call_leaves_nothing_behind(runtime: FakeRuntime) -> None:
    runtime.replies["/message"] = [Reply(0)]
    async with client_of(runtime.url) as client:
        before = len(asyncio.all_tasks())
        with anyio.move_on_after(0.05):
            await client.command("/message", "s", "alice", {})
        assert len(asyncio.all_tasks()) <= before + 1  # the server's task of that request


async def test_a_body_larger_than_a_mebibyte_arrives_whole_at_the_second_try(
    runtime: FakeRuntime,
) -> None:
    runtime.replies["/message"] = [Reply(500, {}), Reply(200, {})]
    body = {"message": "x" * 1_100_000}
    async with client_of(runtime.url) as client:
        await client.command("/message", "s", "alice", body)

    assert [asked.body for asked in runtime.asked] == [body, body]
