"""Messages: accepted once, one turn each, in the order and manner that the person wants."""

import asyncio
from functools import partial

import pytest

from codelab_core.sse import SseParser
from harness.agent import Agent, Event, Stream, kinds, text_of
from harness.runtimes import Cluster, cluster


def says(text: str, event: Event) -> bool:
    """Whether an event shows that text."""
    return event.get("content") == text


SLOW = "write 60 tokens at 100 per second"


async def test_a_message_is_echoed_and_answered(agent: Agent) -> None:
    """R-02, W-02."""
    status, body = await agent.post(
        "message", cid="k-1", message={"type": "user_message", "content": "echo hi"}
    )

    assert status == 200
    assert body == {
        "status": "accepted",
        "echo": "echo hi",
        "session_id": agent.session_id,
        "cid": "k-1",
        "message_id": body["message_id"],
        "duplicate": False,
    }
    events = await agent.until("turn_completed")
    assert kinds(events) == [
        "client_attached",
        "message_accepted",
        "turn_started",
        "assistant_message",
        "turn_completed",
    ]
    assert text_of(events) == "Echo: hi"
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [e.get("is_final") for e in events].count(True) == 1


async def test_the_plans_own_curl_works(pair: Cluster) -> None:
    """R-02: no principal, no cid, a session that nobody has opened."""
    agent = Agent(pair, "test")

    status, body = await agent.post("message", message={"type": "user_message", "content": "Hello"})

    assert (status, body["status"], body["echo"]) == (200, "accepted", "Hello")


async def test_a_message_sent_twice_to_two_runtimes_is_one_turn(agent: Agent) -> None:
    """R-02."""
    message = {"type": "user_message", "content": "echo hi"}

    answers = [await agent.post("message", node=n, cid="k-1", message=message) for n in range(4)]
    await agent.until("turn_completed")
    events = await agent.turn("echo end")

    assert [body["duplicate"] for _, body in answers] == [False, True, True, True]
    assert len({body["message_id"] for _, body in answers}) == 1
    assert kinds(events).count("turn_started") == 2


async def test_one_cid_with_two_texts_is_a_conflict(agent: Agent) -> None:
    first = {"type": "user_message", "content": "echo hi"}
    await agent.post("message", cid="k-1", message=first)

    status, body = await agent.post("message", cid="k-1", message={**first, "content": "echo ho"})

    assert (status, body["error"]["code"], body["error"]["class"]) == (
        409,
        "CONFLICT",
        "cid_reused",
    )


async def test_the_model_sees_the_conversation_so_far(agent: Agent) -> None:
    """R-06."""
    await agent.turn("echo one")
    await agent.turn("echo two")

    _, history = await agent.get("/history")

    said = [(m["role"], m["content"]) for m in history["messages"]]
    assert said == [
        ("user", "echo one"),
        ("assistant", "Echo: one"),
        ("user", "echo two"),
        ("assistant", "Echo: two"),
    ]
    _, usage = await agent.get("/usage")
    first, second = (request["prompt_tokens"] for request in usage["requests"])
    assert second > first


async def test_a_stream_of_a_message_is_its_turn(agent: Agent) -> None:
    """R-05: what happened before and what comes after is not in it."""
    await agent.turn("echo before")
    body = {
        "session_id": agent.session_id,
        "cid": "k-1",
        "message": {"type": "user_message", "content": "echo now"},
    }
    url = f"{agent.cluster.urls[0]}/agent/message/stream"

    texts = []
    for _ in range(2):
        async with agent.cluster.http.post(url, json=body) as response:
            assert response.status == 200
            events = SseParser().feed(await response.read())
        accepted, *rest = events
        assert accepted.kind == b"accepted"
        assert b'"type":"message_accepted"' in rest[0].data
        assert b'"type":"turn_completed"' in rest[-1].data
        texts.append(b"".join(event.data for event in rest))

    assert texts[0] == texts[1]
    assert texts[0].count(b'"type":"turn_completed"') == 1


async def test_a_stream_of_a_message_begins_long_before_its_turn_ends(agent: Agent) -> None:
    """R-05: every event has its position, and the first token comes while the last is not made."""
    body = {
        "session_id": agent.session_id,
        "message": {"type": "user_message", "content": "write 60 tokens at 100 per second"},
    }
    url = f"{agent.cluster.urls[0]}/agent/message/stream"

    async with agent.cluster.http.post(url, json=body) as response:
        stream = Stream(response)
        first = await stream.until("assistant_message")
        _, session = await agent.get(node=1)
        rest = await stream.rest()

    assert session["state"] != "idle"
    assert [event["seq"] for event in first + rest] == list(
        range(first[0]["seq"], rest[-1]["seq"] + 1)
    )
    assert rest[-1]["type"] == "turn_completed"
    assert stream.position.endswith(f":{rest[-1]['seq']}")
    assert len(text_of(rest)) > len(text_of(first))


async def test_a_message_waits_for_the_running_turn(agent: Agent) -> None:
    first = await agent.say(SLOW)
    await agent.until("turn_started")
    second = await agent.say("echo second")

    events = await agent.until(lambda e: e["type"] == "turn_completed" and e["turn_id"] == "t2")

    started = [e["message_id"] for e in events if e["type"] == "turn_started"]
    ended = [(e["turn_id"], e["reason"]) for e in events if e["type"] == "turn_completed"]
    assert started == [first["message_id"], second["message_id"]]
    assert ended == [("t1", "completed"), ("t2", "completed")]


async def test_a_steering_message_joins_the_running_turn(agent: Agent) -> None:
    await agent.say(f"{SLOW} then think about it")
    await agent.until("assistant_message")

    await agent.say("echo steered", delivery="steer")

    events = await agent.until("turn_completed")
    accepted = [e for e in events if e["type"] == "message_accepted"]
    assert [e["turn_id"] for e in accepted] == ["t1", "t1"]
    assert "Echo: steered" in text_of(events)
    assert kinds(events).count("turn_started") == 1


async def test_an_interrupting_message_ends_the_running_turn(agent: Agent) -> None:
    await agent.say(SLOW)
    await agent.until("assistant_message")

    events = await agent.turn("echo instead", delivery="interrupt")

    ended = [(e["turn_id"], e["reason"]) for e in events if e["type"] == "turn_completed"]
    assert ended == [("t1", "interrupted"), ("t2", "completed")]
    finals = [e["turn_id"] for e in events if e.get("is_final")]
    assert finals == ["t1", "t2"]


async def test_waiting_messages_can_be_replaced_and_taken_back(agent: Agent) -> None:
    await agent.say("write 300 tokens at 100 per second")
    await agent.until("turn_started")
    await agent.say("echo old", message_id="u-2")
    await agent.say("echo new", message_id="u-2")
    await agent.say("echo never", message_id="u-3")
    await agent.sure("cancel", message_id="u-3")

    events = await agent.until(lambda e: e["type"] == "turn_completed" and e["turn_id"] == "t2")

    assert "Echo: new" in text_of(events)
    assert "Echo: old" not in text_of(events)
    retracted = [e["message_id"] for e in events if e["type"] == "message_retracted"]
    assert retracted == ["u-3"]
    assert kinds(await agent.turn("echo end")).count("turn_started") == 3


async def test_no_more_messages_wait_than_the_setting_allows(
    store_server: str, proxy_url: str
) -> None:
    async with cluster(store_server, proxy_url, 1, max_queued_messages=2) as one:
        agent = Agent(one)
        await agent.attach()
        await agent.say(SLOW)
        await agent.until("turn_started")
        for n in range(2):
            await agent.say(f"echo {n}")
            await agent.until(partial(says, f"echo {n}"))

        status, body = await agent.post(
            "message", message={"type": "user_message", "content": "one too many"}
        )

        assert (status, body["error"]["class"]) == (429, "queue_full")
        await agent.sure("cancel")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"type": "user_message"}, id="no content"),
        pytest.param({"type": "user_message", "content": ""}, id="empty content"),
        pytest.param({"type": "user_message", "content": 7}, id="not a text"),
        pytest.param({"type": "unknown", "content": "x"}, id="unknown type"),
        pytest.param({"type": "user_message", "content": "x", "delivery": "now"}, id="delivery"),
        pytest.param({"type": "user_message", "content": "x", "role": "system"}, id="role"),
        pytest.param("x", id="no object"),
        pytest.param(None, id="nothing"),
    ],
)
async def test_a_bad_message_is_refused_by_name(agent: Agent, message: object) -> None:
    status, body = await agent.post("message", message=message)

    assert (status, body["error"]["code"]) == (400, "INVALID_REQUEST")
    assert body["error"]["details"]["errors"]
    events = await agent.turn("echo hi")
    assert kinds(events).count("message_accepted") == 1


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"\xff", b'{"session_id":NaN}', b"[" * 100_000, b'{"session_id":"a b"}'],
)
async def test_a_body_that_is_none_is_refused(agent: Agent, raw: bytes) -> None:
    for path in ("message", "tool_result", "decision", "cancel", "attach", "detach", "ack"):
        status, body = await agent.call("POST", f"/agent/{path}", raw)
        assert (status, body["error"]["code"]) == (400, "INVALID_REQUEST"), path


async def test_a_body_of_more_than_2_mib_is_refused(agent: Agent) -> None:
    status, body = await agent.post("message", message="x" * (2 * 1_048_576))

    assert (status, body["error"]["code"]) == (413, "TOO_LARGE")


async def test_an_unknown_model_fails_the_turn_and_the_next_one_works(agent: Agent) -> None:
    """R-09."""
    failed = await agent.turn("hello", model="gpt-none")
    good = await agent.turn("echo hi")

    error = next(e for e in failed if e["type"] == "error")
    assert error["code"] == "NOT_FOUND"
    assert failed[-1]["reason"] == "failed"
    assert [e.get("is_final") for e in failed].count(True) == 1
    assert good[-1]["reason"] == "completed"


async def test_sixteen_sessions_at_once_keep_apart(pair: Cluster) -> None:
    agents = [Agent(pair) for _ in range(16)]

    async with asyncio.TaskGroup() as tasks:
        turns = [tasks.create_task(a.turn(f"echo {n}")) for n, a in enumerate(agents)]

    assert [text_of(turn.result()) for turn in turns] == [f"Echo: {n}" for n in range(16)]
