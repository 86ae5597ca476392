import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.commands import Cancel, HitlDecision, ToolResult, UserMessage
from codelab_gateway import commander as module
from codelab_gateway.commander import Commander, Waiting, command_id, content_id, error_frame
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.handshake import Party
from codelab_gateway.metrics import Metrics
from codelab_gateway.runtime_client import RuntimeClient
from fakes.clock import HandClock
from fakes.fake_runtime import FakeRuntime, Reply

DRIVER = Party("s", "alice", "x_1", "a1b2", "driver", "v1")
OBSERVER = Party("s", "alice", "x_2", "c3", "observer", "v1")
PLAIN = Party("s", "alice", "x_3", "plain-x_3", "driver", "plain")


def message(content: str = "hi", **fields: Any) -> UserMessage:
    return UserMessage.model_validate({"type": "user_message", "content": content, **fields})


def result(call_id: str = "c1", **fields: Any) -> ToolResult:
    return ToolResult.model_validate({"type": "tool_result", "call_id": call_id, **fields})


class Desk:
    """A commander that posts to a scripted runtime, and what it answered the client."""

    def __init__(self, client: RuntimeClient) -> None:
        self.frames: list[Any] = []
        self.commander = Commander(client, lambda frame: self.frames.append(json.loads(frame)))

    async def answered(self, fits: Callable[[list[Any]], bool]) -> list[Any]:
        while not fits(self.frames):
            await anyio.lowlevel.checkpoint()
        return self.frames


@asynccontextmanager
async def desk(runtime: FakeRuntime) -> AsyncIterator[Desk]:
    endpoints = Endpoints(runtime.url, HandClock(), Metrics(CollectorRegistry()))
    with anyio.fail_after(20):
        async with (
            RuntimeClient(endpoints, None, jitter_source()) as client,
            anyio.create_task_group() as tasks,
        ):
            working = Desk(client)
            tasks.start_soon(working.commander.run)
            yield working
            tasks.cancel_scope.cancel()


async def test_commands_are_posted_in_order_under_their_cid(runtime: FakeRuntime) -> None:
    runtime.replies["/message"] = [Reply(200, {"turn_id": "t1", "message_id": "u-1"}), Reply()]
    async with desk(runtime) as working:
        await working.commander.put(message(cid="k1", message_id="u-1", delivery="steer"))
        await working.commander.put(Cancel(type="cancel", cid="k2"))
        working.commander.attached(DRIVER)

        frames = await working.answered(lambda frames: len(frames) == 2)

    posted = [asked.body for asked in runtime.of("/message")]
    who = {"session_id": "s", "client_id": "a1b2", "connection_id": "x_1"}
    first = {
        "type": "user_message",
        "content": "hi",
        "message_id": "u-1",
        "delivery": "steer",
    }
    assert posted == [
        {**who, "cid": "k1", "message": first},
        {**who, "cid": "k2", "message": {"type": "cancel"}},
    ]
    assert frames == [
        {"type": "ok", "cid": "k1", "turn_id": "t1", "message_id": "u-1"},
        {"type": "ok", "cid": "k2"},
    ]


async def test_the_runtimes_flags_reach_the_client(runtime: FakeRuntime) -> None:
    flags = {"duplicate": True, "late": True, "noop": True, "status": "accepted", "turn_id": None}
    runtime.replies["/message"] = [Reply(200, flags)]
    async with desk(runtime) as working:
        working.commander.attached(DRIVER)
        await working.commander.put(result(cid="k1"))

        assert await working.answered(bool) == [
            {"type": "ok", "cid": "k1", "duplicate": True, "late": True, "noop": True}
        ]


async def test_a_refusal_is_an_error_frame_with_the_ids_of_the_command(
    runtime: FakeRuntime,
) -> None:
    runtime.replies["/message"] = [Reply.refusal(404, "NOT_FOUND", "call_unknown"), Reply()]
    async with desk(runtime) as working:
        working.commander.attached(DRIVER)
        await working.commander.put(result("c9", cid="k1"))
        await working.commander.put(message(cid="k2"))

        frames = await working.answered(lambda frames: len(frames) == 2)

    assert frames[0] == {
        "type": "error",
        "code": "NOT_FOUND",
        "class": "call_unknown",
        "message": "NOT_FOUND.",
        "content": "NOT_FOUND.",
        "retryable": False,
        "cid": "k1",
        "call_id": "c9",
    }
    assert frames[1] == {"type": "ok", "cid": "k2"}


async def test_a_repeated_result_is_no_error_for_a_plain_client(runtime: FakeRuntime) -> None:
    """P17."""
    answered = Reply.refusal(409, "ALREADY_ANSWERED", "result")
    runtime.replies["/message"] = [answered, Reply.refusal(404, "NOT_FOUND", "call_unknown")]
    async with desk(runtime) as working:
        working.commander.attached(PLAIN)
        await working.commander.put(result("c1"))
        await working.commander.put(result("c2"))

        frames = await working.answered(bool)

    assert [frame["call_id"] for frame in frames] == ["c2"]


async def test_an_observers_result_is_refused_and_its_decision_is_not(
    runtime: FakeRuntime,
) -> None:
    decision = HitlDecision(type="hitl_decision", call_id="c1", decision="approve", cid="k2")
    async with desk(runtime) as working:
        working.commander.attached(OBSERVER)
        await working.commander.put(result("c1", cid="k1"))
        await working.commander.put(decision)

        frames = await working.answered(lambda frames: len(frames) == 2)

    assert [frame.get("code") for frame in frames] == ["FORBIDDEN", None]
    assert len(runtime.of("/message")) == 1


async def test_plain_clients_get_no_ok(runtime: FakeRuntime) -> None:
    async with desk(runtime) as working:
        working.commander.attached(PLAIN)
        await working.commander.put(message(cid="k1"))
        await runtime.until("/message")

        assert working.frames == []


async def test_what_cannot_be_attached_in_time_is_answered(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ATTACH_TIMEOUT_S", 0.01)
    async with desk(runtime) as working:
        await working.commander.put(message(cid="k1"))

        frames = await working.answered(bool)

    assert (frames[0]["code"], frames[0]["class"], frames[0]["cid"]) == (
        "UNAVAILABLE",
        "agent",
        "k1",
    )
    assert runtime.asked == []


async def test_the_last_acknowledgement_goes_out_even_where_others_were_refused(
    runtime: FakeRuntime,
) -> None:
    runtime.replies["/ack"] = [Reply.refusal(404, "SESSION_NOT_FOUND"), Reply(204, None)]
    async with desk(runtime) as working:
        working.commander.attached(DRIVER)
        for seq in (3, 5, 4):
            working.commander.ack(seq)
        await runtime.until("/ack")
        working.commander.ack(7)
        asked = await runtime.until("/ack", 2)

    assert [one.body["seq"] for one in asked] == [5, 7]
    assert working.frames == []


@pytest.mark.parametrize(
    ("number", "content"),
    [pytest.param(256, "x", id="many"), pytest.param(3, "x" * 1_048_576, id="large")],
)
async def test_the_reader_waits_while_too_much_is_under_way(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch, number: int, content: str
) -> None:
    monkeypatch.setattr(module, "ROOM_TIMEOUT_S", 0.02)
    runtime.replies["/message"] = [Reply(0)]
    async with desk(runtime) as working:
        working.commander.attached(DRIVER)
        for _ in range(number):
            await working.commander.put(message(content))
        with pytest.raises(CodelabError) as refused:
            await working.commander.put(message(content))

    assert (refused.value.code, refused.value.reason) == (Code.RATE_LIMIT, "inbox_full")


async def test_room_comes_back_once_commands_were_posted(runtime: FakeRuntime) -> None:
    async with desk(runtime) as working:
        working.commander.attached(DRIVER)
        for number in range(300):
            await working.commander.put(message(cid=f"k{number}"))

        frames = await working.answered(lambda frames: len(frames) == 300)

    assert [frame["cid"] for frame in frames] == [f"k{number}" for number in range(300)]


def test_the_id_of_a_plain_message_is_one_of_its_content() -> None:
    first, again = message("hi", message_id="m"), message("hi", message_id="m")
    edited = message("ho", message_id="m")

    ids = [command_id(Waiting.of(one), "plain") for one in (first, again, edited)]

    assert ids[0] == ids[1] != ids[2]
    assert ids[0] == "p:f8f035ef3bdcdbeeb4b25491"
    assert content_id(message("hi")) is None


def test_a_command_without_an_id_gets_one_by_chance() -> None:
    ids = {command_id(Waiting.of(message("hi")), "plain") for _ in range(50)}
    ids |= {command_id(Waiting.of(message("hi", message_id="m")), "v1") for _ in range(50)}

    assert len(ids) == 100
    assert command_id(Waiting.of(message(cid="k1", message_id="m")), "plain") == "k1"


def test_an_error_frame_says_the_same_to_all_clients() -> None:
    error = CodelabError(Code.RATE_LIMIT, "messages", retry_after_ms=5, limit="20/s", message="S.")

    assert error_frame(error, cid="k1") == (
        b'{"type":"error","code":"RATE_LIMIT","class":"messages","message":"S.","content":"S.",'
        b'"retryable":true,"retry_after_ms":5,"details":{"limit":"20/s"},"cid":"k1"}'
    )
