from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import orjson
import pytest

from fakes.fake_runtime import EPOCH, FakeRuntime, Reply, Stream, control, event
from harness.front import Front, front
from harness.sockets import RawSocket, opened

TOOL = {
    "name": "deploy",
    "description": "",
    "parameters": {"type": "object"},
    "reads": [],
    "writes": [],
    "timeout_ms": 120_000,
}


def delta(seq: int, token: str, *, is_final: bool = False) -> bytes:
    ids = {"turn_id": "t1", "message_id": "m1-1-0"}
    text = {"token": token, "content": token, "is_final": is_final}
    return event(seq, {"type": "assistant_message", **ids, **text})


def call(seq: int) -> dict[str, Any]:
    ids = {"turn_id": "t1", "message_id": "m1-1-0", "call_id": f"c1-1-{seq}"}
    return {
        "type": "tool_call",
        "seq": seq,
        **ids,
        "tool_name": "read_file",
        "arguments": {"path": "a"},
        "requires_approval": False,
    }


@asynccontextmanager
async def plain(gateway: Front, path: str = "/ws/s") -> AsyncIterator[RawSocket]:
    async with opened(gateway.socket_url + path) as socket:
        yield socket


@pytest.mark.parametrize(
    ("path", "setting", "texts"),
    [
        ("/ws/s", "auto", ["a", "b", "c"]),
        ("/api/v1/ws/s", "auto", ["abc"]),
        ("/api/v1/ws/s", "token", ["a", "b", "c"]),
        ("/ws/s", "turn", ["abc"]),
        ("/ws/s?stream=turn", "token", ["abc"]),
        ("/api/v1/ws/s?stream=token", "turn", ["a", "b", "c"]),
        ("/ws/s?stream=nonsense", "auto", ["a", "b", "c"]),
    ],
)
async def test_a_plain_client_gets_text_as_its_path_or_query_wants(
    runtime: FakeRuntime, path: str, setting: str, texts: list[str]
) -> None:
    """P15."""
    runtime.streams.append(Stream((delta(1, "a"), delta(2, "b"), delta(3, "c", is_final=True))))
    async with front(runtime.url, plain_stream=setting) as running, plain(running, path) as socket:
        frames = await socket.final()

    assert [frame["token"] for frame in frames] == texts


async def test_a_plain_client_of_an_expired_session_gets_a_new_one(
    runtime: FakeRuntime, gateway: Front
) -> None:
    runtime.replies["/attach"].insert(0, Reply.refusal(410, "SESSION_EXPIRED"))
    runtime.replies["/agent/sessions"] = [Reply(201, {})]
    runtime.streams.append(Stream((delta(1, "hi"),)))
    async with plain(gateway) as socket:
        frames = [await socket.receive(), await socket.receive()]

    assert [frame.get("code") for frame in frames] == ["SESSION_EXPIRED", None]
    assert runtime.of("/agent/sessions")[0].body == {"session_id": "s"}


async def test_a_plain_client_gets_what_is_open_before_anything_new(
    runtime: FakeRuntime, gateway: Front
) -> None:
    """P12."""
    turn = {"turn_id": "t1", "state": "streaming", "message_id": "m1-2-0", "text": "so far"}
    snapshot = {"tool_calls": [{**call(3), "state": "delivered"}], "turn": turn}
    runtime.replies["/attach"] = [Reply(200, {"epoch": EPOCH, "head": 7})]
    runtime.replies["/snapshot"] = [Reply(200, {"epoch": EPOCH, "seq": 7, "snapshot": snapshot})]
    runtime.streams.append(Stream((delta(8, " on"),)))
    async with plain(gateway) as socket:
        frames = [await socket.receive() for _ in range(3)]
        acks = await runtime.until("/ack")

    assert [frame.get("call_id", frame.get("token")) for frame in frames] == [
        "c1-1-3",
        "so far",
        " on",
    ]
    assert acks[0].body["seq"] == 3
    assert runtime.of("/events")[0].headers["last-event-id"] == f"{EPOCH}:7"


async def test_a_v1_client_says_who_it_is_and_what_it_can(
    runtime: FakeRuntime, gateway: Front
) -> None:
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        welcome = await socket.hello("a", role="observer", tools=["read_file", TOOL])

    (asked,) = runtime.of("/attach")
    assert asked.body == {
        "session_id": "s",
        "connection_id": welcome["connection_id"],
        "client_id": "a",
        "role": "observer",
        "mode": "v1",
        "create": True,
        "tools": ["read_file", TOOL],
    }


async def test_a_client_that_resumes_gets_exactly_what_it_missed(
    runtime: FakeRuntime, gateway: Front
) -> None:
    """G-09."""
    runtime.replies["/attach"] = [Reply(200, {"epoch": EPOCH, "head": 4})]
    runtime.streams.append(Stream((event(3), event(4))))
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        welcome = await socket.hello(resume={"epoch": EPOCH, "seq": 2})
        frames = [await socket.receive(), await socket.receive()]

    assert (welcome["replay"], welcome["head"]) == ("tail", 4)
    assert [frame["seq"] for frame in frames] == [3, 4]


async def test_a_log_that_begins_anew_is_told_by_resync(
    runtime: FakeRuntime, gateway: Front
) -> None:
    snapshot = {"tool_calls": [{**call(1), "state": "delivered"}]}
    again = control("resync", epoch="0" * 16, seq=1, reason="epoch_changed", snapshot=snapshot)
    url = f"{gateway.socket_url}/ws/s"
    async with opened(url) as v1, opened(url) as old:
        await v1.hello()
        await runtime.until("/attach", 2)
        await runtime.settled(lambda: runtime.readers == 1)
        runtime.push(again)
        frames = [await v1.receive(), await old.receive()]

    assert [frame["type"] for frame in frames] == ["resync", "tool_call"]
    assert frames[0]["epoch"] == "0" * 16


async def test_trouble_behind_the_gateway_is_told_to_v1_and_the_socket_stays(
    runtime: FakeRuntime, gateway: Front
) -> None:
    runtime.streams += [Reply(503), Reply(503), Stream((event(1),))]
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await socket.hello()
        frames = [await socket.receive() for _ in range(3)]

    assert frames[:2] == [
        {"type": "status", "state": "degraded"},
        {"type": "status", "state": "live"},
    ]
    assert frames[2]["seq"] == 1


async def test_the_runtime_hears_who_left(runtime: FakeRuntime, gateway: Front) -> None:
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        welcome = await socket.hello()

    (asked,) = await runtime.until("/detach")
    assert asked.body == {"session_id": "s", "connection_id": welcome["connection_id"]}


async def test_a_detach_that_is_refused_harms_nobody(runtime: FakeRuntime, gateway: Front) -> None:
    runtime.replies["/detach"] = [Reply.refusal(404, "SESSION_NOT_FOUND")]
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await socket.hello()
    await runtime.until("/detach")

    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        assert (await socket.hello())["session_id"] == "s"


async def test_a_late_hello_makes_a_plain_client_a_v1_one(
    runtime: FakeRuntime, gateway: Front
) -> None:
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await runtime.until("/attach")
        await socket.hello("a")
        attached = await runtime.until("/attach", 2)
        (detached,) = await runtime.until("/detach")

    assert [one.body["mode"] for one in attached] == ["plain", "v1"]
    assert detached.body["connection_id"] == attached[0].body["connection_id"]


async def test_a_frame_before_the_runtime_has_answered_is_not_lost(
    runtime: FakeRuntime, gateway: Front
) -> None:
    runtime.replies["/attach"].insert(0, Reply(503, {}))
    async with plain(gateway) as socket:
        await socket.send({"type": "user_message", "content": "hi"})
        with anyio.fail_after(20):
            (asked,) = await runtime.until("/message")

    assert orjson.loads(orjson.dumps(asked.body["message"]))["content"] == "hi"


async def test_a_hello_while_the_plain_attach_is_under_way_leaves_no_ghost(
    runtime: FakeRuntime, gateway: Front
) -> None:
    """The plain party is detached after it was attached: the client is the driver."""
    hold = runtime.hold("/attach")
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await runtime.until("/attach")
        await socket.send({"type": "hello", "version": 1, "client": {"id": "a"}})
        await runtime.until("/attach", 2)
        early = runtime.of("/detach")
        hold.set()
        welcome = await socket.until("welcome")
        (detached,) = await runtime.until("/detach")

    plain, v1 = (asked.body["connection_id"] for asked in runtime.of("/attach"))
    assert early == []
    assert (detached.body["connection_id"], welcome["connection_id"]) == (plain, v1)
