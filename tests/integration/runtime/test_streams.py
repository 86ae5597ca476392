"""Event streams: any session from any runtime, from any position, without a gap or a double."""

import asyncio

import pytest

from harness.agent import Agent, kinds, text_of
from harness.runtimes import Cluster

TOKENS = "write 30 tokens at 300 per second"


async def test_a_stream_resumes_after_every_position_on_any_runtime(agent: Agent) -> None:
    whole = await agent.turn("write 20 tokens at 1000 per second")
    async with agent.stream() as stream:
        await stream.next()
        await stream.until("client_attached")
        epoch = stream.position.partition(":")[0]

    for after in range(len(whole)):
        rest = []
        for node in range(2):
            async with agent.stream(node=node, last_event_id=f"{epoch}:{after}") as stream:
                rest.append(await stream.until("turn_completed"))
                assert stream.control["attached"] == {
                    "epoch": epoch,
                    "head": len(whole),
                    "replay": "tail",
                }
        assert rest == [whole[after:], whole[after:]]


async def test_the_position_may_stand_in_the_query(agent: Agent) -> None:
    await agent.turn("echo hi")
    async with agent.stream() as stream:
        await stream.until("message_accepted")
        position = stream.position

    async with agent.stream(f"?after={position}") as stream:
        assert (await stream.until("turn_started"))[0]["seq"] == 3


@pytest.mark.parametrize(
    ("position", "reason"),
    [("0123456789abcdef:1", "epoch_changed"), ("{epoch}:99", "ahead"), (":99", "ahead")],
)
async def test_a_position_that_is_none_gets_the_whole_view(
    agent: Agent, position: str, reason: str
) -> None:
    events = await agent.turn("echo hi")
    async with agent.stream() as stream:
        await stream.until("turn_completed")
        epoch = stream.position.partition(":")[0]

    async with agent.stream(last_event_id=position.format(epoch=epoch)) as stream:
        await stream.next_control("resync")
        resync = stream.control["resync"]
        await agent.say("echo more")
        following = await stream.until("turn_completed")

    assert (resync["epoch"], resync["seq"], resync["reason"]) == (epoch, len(events), reason)
    shown = [(m["role"], m["content"]) for m in resync["snapshot"]["messages"]]
    assert shown == [("user", "echo hi"), ("assistant", "Echo: hi")]
    assert following[0]["seq"] == len(events) + 1


@pytest.mark.parametrize(
    "query", ["?after=x", "?after=ab:x", "?from=middle", "?after=a:111111111111111"]
)
async def test_a_start_that_is_none_is_refused(agent: Agent, query: str) -> None:
    path = f"/agent/sessions/{agent.session_id}/events{query}"

    status, body = await agent.call("GET", path)

    assert (status, body["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_an_unknown_session_and_a_foreign_one_have_no_events(agent: Agent) -> None:
    agent.headers = {"X-Principal": "bob"}

    answers = [
        await agent.call("GET", f"/agent/sessions/{name}/events")
        for name in (agent.session_id, "s-none")
    ]

    assert [(status, body["error"]["code"]) for status, body in answers] == [
        (404, "SESSION_NOT_FOUND")
    ] * 2


async def test_from_the_head_only_what_comes_is_sent(agent: Agent) -> None:
    before = await agent.turn("echo hi")

    async with agent.stream("?from=head") as stream:
        await stream.next_control("attached")
        await agent.say("echo more")
        events = await stream.until("turn_completed")

    assert stream.control["attached"]["replay"] == "none"
    assert events[0]["seq"] == len(before) + 1


async def test_what_is_pending_is_in_the_view(agent: Agent) -> None:
    """P12: the open call, and the text that has been shown so far."""
    await agent.say('call read_file with {"path": "a.txt"}')
    call = (await agent.until("tool_call"))[-1]

    async with agent.stream("?from=pending", node=1) as stream:
        await stream.next_control("resync")

    snapshot = stream.control["resync"]["snapshot"]
    assert [c["call_id"] for c in snapshot["tool_calls"]] == [call["call_id"]]
    assert snapshot["turn"]["turn_id"] == "t1"
    assert snapshot["driver"] == "x1"


async def test_readers_on_both_runtimes_see_tokens_as_they_come(pair: Cluster) -> None:
    """The owner feeds its own streams, the other hears of it; neither waits for the turn's end."""
    agent = Agent(pair)
    await agent.attach()

    async with (
        agent.stream(node=0) as one,
        agent.stream(node=1) as two,
        asyncio.TaskGroup() as tasks,
    ):
        reading = [tasks.create_task(s.until("turn_completed")) for s in (one, two)]
        await agent.say(TOKENS)
    first, second = (task.result() for task in reading)

    assert first == second
    pieces = [e for e in first if e["type"] == "assistant_message"]
    assert len(pieces) > 3  # one, had they waited for the end; 30 on a machine that is idle
    assert [event["seq"] for event in first] == list(range(1, len(first) + 1))


async def test_a_deleted_session_tells_its_readers_on_any_runtime(agent: Agent) -> None:
    await agent.turn("echo hi")
    async with agent.stream(node=0) as one, agent.stream(node=1) as two:
        for stream in (one, two):
            await stream.until("turn_completed")

        status, _ = await agent.call("DELETE", f"/agent/sessions/{agent.session_id}")

        for stream in (one, two):
            await stream.rest()
    assert status == 204
    assert [s.control.get("gone") for s in (one, two)] == [{}, {}]
    assert (await agent.get())[0] == 404


async def test_a_session_deleted_mid_turn_ends_it(agent: Agent) -> None:
    await agent.say("write 500 tokens at 100 per second")
    async with agent.stream() as stream:
        await stream.until("assistant_message")

        await agent.call("DELETE", f"/agent/sessions/{agent.session_id}", node=1)

        events = await stream.rest()
    ended = [e for e in events if e["type"] == "turn_completed"]
    assert [e["reason"] for e in ended] in ([], ["cancelled"])
    assert "gone" in stream.control
    status, body = await agent.post(
        "message", message={"type": "user_message", "content": "echo hi"}
    )
    assert (status, body["error"]["code"]) == (410, "SESSION_EXPIRED")


async def test_a_drained_runtime_sends_its_readers_elsewhere(agent: Agent) -> None:
    victim = agent.cluster.nodes[0]
    await agent.say(TOKENS)
    async with agent.stream(node=0) as stream, asyncio.TaskGroup() as tasks:
        events = await stream.until("assistant_message")
        tasks.create_task(agent.cluster.drain(victim))
        events += await stream.rest()
        position = stream.position

    if events[-1]["type"] != "turn_completed":  # a busy machine may drain late
        async with agent.stream(last_event_id=position) as stream:
            events += await stream.until("turn_completed")

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert text_of(events) == " ".join(f"t{n:05d}" for n in range(1, 31))
    assert kinds(events)[-1] == "turn_completed"
