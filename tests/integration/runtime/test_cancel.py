"""Cancel ends a turn wherever it stands, within a second, with one final frame and no open call."""

import time
from typing import Any

import anyio
import pytest

from harness.agent import Agent, kinds
from harness.robot import READ
from harness.runtimes import cluster, proxy_server

LIVE = "codelab_llmproxy_inflight "
WRITE = 'call write_file with {"path": "n.txt", "content": "new"}'
STATES = [
    pytest.param("write 500 tokens at 100 per second", "assistant_message", id="streaming"),
    pytest.param('call read_file with {"path": "a"}', "tool_call", id="calling"),
    pytest.param(WRITE, "tool_call", id="waiting for a decision"),
    pytest.param("write 500 tokens at 100 per second", "turn_started", id="asking"),
]


@pytest.mark.parametrize(("text", "sign"), STATES)
async def test_cancel_ends_the_turn(agent: Agent, text: str, sign: str) -> None:
    """T-14, R-21."""
    await agent.say(text)
    await agent.until(sign)
    began = time.monotonic()

    status, body = await agent.post("cancel", node=1)

    events = await agent.until("turn_completed")
    assert time.monotonic() - began < 1
    assert (status, body["turn_id"], body["noop"]) == (200, "t1", False)
    assert events[-1]["reason"] == "cancelled"
    assert [e.get("is_final") for e in events].count(True) == 1
    calls = {e["call_id"] for e in events if e["type"] == "tool_call"}
    ended = {e["call_id"] for e in events if e["type"] == "tool_resolved"}
    assert calls == ended
    assert (await agent.turn("echo on"))[-1]["reason"] == "completed"


async def test_a_cancelled_answer_is_written_by_nobody_any_more(store_server: str) -> None:
    """T-14: the proxy is told, and closes its request to the provider."""
    async with proxy_server() as url, cluster(store_server, url, 1) as runtimes:
        agent = Agent(runtimes)
        await agent.say("write 500 tokens at 100 per second")
        await agent.until("assistant_message")
        assert await live(agent) == 1

        await agent.sure("cancel")

        with anyio.fail_after(1):
            while await live(agent):  # noqa: ASYNC110 -- another process, as it were
                await anyio.sleep(0.01)


async def live(agent: Agent) -> float:
    """Inferences that the proxy has under way."""
    async with agent.cluster.http.get(f"{agent.cluster.proxy_url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(LIVE))


async def test_a_waiting_turn_takes_over_from_a_cancelled_one(agent: Agent) -> None:
    await agent.say("write 500 tokens at 100 per second")
    await agent.until("turn_started")
    await agent.say("echo next")

    await agent.sure("cancel", turn_id="t1")

    events = await agent.until(lambda e: e["type"] == "turn_completed" and e["turn_id"] == "t2")
    reasons = [e["reason"] for e in events if e["type"] == "turn_completed"]
    assert reasons == ["cancelled", "completed"]


@pytest.mark.parametrize("what", [{}, {"turn_id": "t1"}, {"turn_id": "t9"}])
async def test_nothing_to_cancel_is_no_error(agent: Agent, what: dict[str, Any]) -> None:
    await agent.turn("echo hi")

    status, body = await agent.post("cancel", **what)

    assert (status, body["noop"]) == (200, True)
    events = await agent.turn("echo on")
    assert [e["reason"] for e in events if e["type"] == "turn_completed"] == ["completed"] * 2


async def test_another_turns_cancel_leaves_the_running_one(agent: Agent) -> None:
    await agent.say("write 30 tokens at 100 per second")
    await agent.until("turn_started")

    await agent.sure("cancel", turn_id="t9")

    assert (await agent.until("turn_completed"))[-1]["reason"] == "completed"


async def test_answers_after_a_cancel_are_late(agent: Agent) -> None:
    """The result is kept and told to the model; the decision has nothing to decide."""
    await agent.say(f'call read_file with {{"path": "a"}} and {WRITE.removeprefix("call ")}')
    await agent.until(lambda e: e.get("call_id") == "c1-1-0")
    await agent.until(lambda e: e.get("call_id") == "c1-1-1")
    await agent.sure("cancel")
    await agent.until("turn_completed")

    result = await agent.post("tool_result", call_id="c1-1-0", result=READ)
    decision = await agent.post("decision", call_id="c1-1-1", decision="approve")

    assert (result[0], result[1]["late"]) == (200, True)
    assert (decision[0], decision[1]["error"]["class"]) == (409, "decision")
    events = await agent.turn("echo on")
    assert kinds(events).count("tool_resolved") <= 2
