"""When a runtime dies or leaves, another goes on: from the token shown last, in time."""

import asyncio
import time
from functools import partial

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from harness.agent import Agent, Event, text_of
from harness.robot import READ
from harness.runtimes import SHORT_LEASE_MS, Cluster, cluster

COUNT = 60
TASK = f"write {COUNT} tokens at 100 per second"
TEXT = " ".join(f"t{n:05d}" for n in range(1, COUNT + 1))


def is_after(seq: int, event: Event) -> bool:
    """Whether an event came later than that one."""
    return bool(event["seq"] > seq)


async def begun(agent: Agent, text: str = TASK, sign: str = "assistant_message") -> list[Event]:
    """A turn that has come to some point."""
    await agent.say(text)
    return await agent.until(sign)


def check_whole(events: list[Event]) -> None:
    """No gap, no double, one end."""
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert text_of(events) == TEXT
    assert [event.get("is_final") for event in events].count(True) == 1
    assert events[-1]["reason"] == "completed"


async def test_a_killed_owner_is_followed_after_its_lease(agent: Agent) -> None:
    shown = await begun(agent)
    await agent.cluster.kill(await agent.cluster.driving())
    killed = time.monotonic()

    async with agent.stream() as stream:
        again = await stream.until(lambda e: e["seq"] > len(shown))
        stall = time.monotonic() - killed
        events = again + await stream.until("turn_completed")

    check_whole(events)
    assert again[: len(shown)] == shown
    assert stall < SHORT_LEASE_MS / 1000 + 5


async def test_a_drained_owner_is_followed_at_once(store_server: str, proxy_url: str) -> None:
    """No lease has to end first; a long one shows it."""
    async with cluster(store_server, proxy_url, lease_ms=15_000) as pair:
        agent = Agent(pair)
        await agent.attach()
        await begun(agent)

        await pair.drain(await pair.driving())

        events = await agent.until("turn_completed")
        check_whole(events)


async def test_a_draining_runtime_takes_no_command(pair: Cluster) -> None:
    node = pair.nodes[0]
    await node.running.drain()
    agent = Agent(pair)

    status, body = await agent.post(
        "message", message={"type": "user_message", "content": "echo hi"}
    )
    events_status, events_body = await agent.get("/events")
    ready, probe = await agent.call("GET", "/health/ready")
    live, _ = await agent.call("GET", "/health/live")

    assert (status, body["error"]["class"]) == (503, "draining")
    assert (events_status, events_body["error"]["class"]) == (503, "draining")
    assert (ready, probe["status"], live) == (503, "draining", 200)


async def test_a_zombie_owner_adds_nothing(agent: Agent) -> None:
    """Another takes the session while the owner believes that it has it."""
    await begun(agent)

    for _ in range(3):
        await agent.cluster.rob(agent.session_id)
        await asyncio.sleep(0.1)

    check_whole(await agent.until("turn_completed"))


async def test_a_turn_that_waits_for_a_tool_outlives_every_runtime(pair: Cluster) -> None:
    """R-10, R-19: the call was in the log before anybody saw it, and stays one."""
    agent = Agent(pair)
    await agent.attach()
    call = (await begun(agent, 'call read_file with {"path": "a"}', "tool_call"))[-1]
    for node in list(pair.nodes):
        await pair.kill(node)
    await pair.start()

    await agent.sure("tool_result", call_id=call["call_id"], result=READ)

    events = await agent.until("turn_completed")
    assert [e["call_id"] for e in events if e["type"] == "tool_call"] == [call["call_id"]]
    assert events[-1]["reason"] == "completed"


async def test_a_parked_turn_is_owned_by_nobody_and_revived_by_its_answer(
    store_server: str, proxy_url: str
) -> None:
    async with cluster(store_server, proxy_url, park_after_s=0.1) as pair:
        agent = Agent(pair)
        await agent.attach()
        call = (await begun(agent, 'call read_file with {"path": "a"}', "tool_call"))[-1]
        await pair.until_nobody_drives()

        await agent.post("tool_result", node=1, call_id=call["call_id"], result=READ)

        assert (await agent.until("turn_completed"))[-1]["reason"] == "completed"


async def test_a_parked_turn_is_revived_by_its_deadline(store_server: str, proxy_url: str) -> None:
    async with cluster(store_server, proxy_url, park_after_s=0.1, file_tool_timeout_ms=900) as pair:
        agent = Agent(pair)
        await agent.attach()
        call = (await begun(agent, 'call read_file with {"path": "a"}', "tool_call"))[-1]
        await agent.sure("ack", connection_id="x1", seq=call["seq"])
        await pair.until_nobody_drives()

        events = await agent.until("tool_resolved")

        assert events[-1]["outcome"] == "timed_out"


async def test_a_session_at_rest_is_owned_by_nobody(pair: Cluster) -> None:
    agent = Agent(pair)
    await agent.turn("echo hi")

    await pair.until_nobody_drives()


@pytest.mark.parametrize("kills", [2])
async def test_a_turn_survives_owner_after_owner(agent: Agent, kills: int) -> None:
    await begun(agent)
    for _ in range(kills):
        seen = len(await agent.until("assistant_message"))
        await agent.cluster.kill(await agent.cluster.driving())
        await agent.cluster.start()
        await agent.until(partial(is_after, seen + 2))

    check_whole(await agent.until("turn_completed"))


class WrongClock:
    """A pod's clock that somebody has set an hour ahead, or behind."""

    def __init__(self, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms

    def wall_ms(self) -> int:
        return SYSTEM_CLOCK.wall_ms() + self._ahead_ms

    def monotonic(self) -> float:
        return SYSTEM_CLOCK.monotonic()


@pytest.mark.parametrize("ahead_ms", [3_600_000, -3_600_000])
async def test_a_pods_wrong_clock_changes_nothing(
    store_server: str, proxy_url: str, ahead_ms: int
) -> None:
    """Deadlines are the store's: one pod sets them, another keeps them."""
    async with cluster(
        store_server, proxy_url, 0, park_after_s=0.1, file_tool_timeout_ms=700
    ) as runtimes:
        await runtimes.start(WrongClock(ahead_ms))
        agent = Agent(runtimes)
        await agent.attach()
        call = (await begun(agent, 'call read_file with {"path": "a"}', "tool_call"))[-1]
        acked = time.monotonic()
        await agent.sure("ack", connection_id="x1", seq=call["seq"])
        await runtimes.until_nobody_drives()
        await runtimes.kill(runtimes.nodes[0])
        await runtimes.start()

        events = await agent.until("tool_resolved")

        assert events[-1]["outcome"] == "timed_out"
        assert 0.6 < time.monotonic() - acked < 5
