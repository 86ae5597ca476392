"""What goes wrong around the operator: answers, streams, crashes, a second operator."""

import asyncio
import os
import signal
from collections import Counter
from multiprocessing.context import ForkServerProcess
from typing import Literal

import pytest

from fakes.cluster.faults import Fault
from harness.operators import SHORT_LEAD, Bench

pytestmark = pytest.mark.timeout(300)  # of a machine that is busy

CALLS = 20
"""Writes until a minimal agent is Ready: 15 children, 3 monitors, 2 statuses."""


async def ready(stage: Bench) -> None:
    """An operator runs, agent `a` is Ready, and nothing is being written."""
    stage.start()
    await stage.leads()
    stage.agent()
    await stage.until(stage.is_ready)
    await stage.rest()
    stage.cluster.log.clear()


async def test_a_child_that_vanished_while_the_stream_had_expired_comes_back(stage: Bench) -> None:
    await ready(stage)
    deployments = stage.cluster.store.of("Deployment")
    before = stage.children()

    stage.cluster.disturbances["Deployment"].silent = True
    stage.delete("Deployment", "a-runtime")
    stage.cluster.disturbances["Deployment"].silent = False
    stage.cluster.store.compact(deployments)
    await stage.until(lambda: stage.find("Deployment", "a-runtime"))
    await stage.until(stage.is_ready)

    assert stage.children() == before


async def test_every_child_that_vanished_while_its_stream_had_expired_comes_back(
    stage: Bench,
) -> None:
    """The new list is empty: no event says that anything is gone."""
    await ready(stage)
    sets = stage.cluster.store.of("StatefulSet")

    stage.cluster.disturbances["StatefulSet"].silent = True
    stage.delete("StatefulSet", "a-redis")
    stage.cluster.disturbances["StatefulSet"].silent = False
    stage.cluster.store.compact(sets)
    await stage.until(lambda: stage.find("StatefulSet", "a-redis"))

    assert stage.find("StatefulSet", "a-redis")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("write", status=409, reason="Conflict", times=5), id="409"),
        pytest.param(Fault("write", status=500, times=8), id="500"),
        pytest.param(Fault("write", status=503, times=8), id="503"),
        pytest.param(Fault("write", reset="before", times=8), id="reset-before"),
        pytest.param(Fault("write", reset="after", times=8), id="reset-after"),
        pytest.param(Fault("write", latency_s=0.3, times=8), id="slow"),
        pytest.param(Fault("list", status=500, times=3), id="lists"),
    ],
)
async def test_trouble_that_passes_leaves_no_trace(stage: Bench, fault: Fault) -> None:
    stage.cluster.faults.add(fault)
    stage.start()

    stage.agent()
    await stage.until(stage.is_ready)
    await stage.rest()

    assert stage.condition("Stalled") == {}
    assert len(stage.children()) == 18


async def test_a_server_that_asks_to_wait_is_left_alone_for_so_long(stage: Bench) -> None:
    loop = asyncio.get_running_loop()
    refused: list[float] = []
    again: list[float] = []

    async def note(times: list[float]) -> None:
        times.append(loop.time())

    call = ("apply", "Service", "a-redis")
    stage.cluster.faults.add(
        Fault(*call, status=429, retry_after_s=2, before=lambda: note(refused))
    )
    stage.cluster.faults.add(Fault(*call, times=-1, before=lambda: note(again)))
    stage.start()
    await stage.leads()

    stage.agent()
    await stage.until(stage.is_ready)

    assert again[0] - refused[0] >= 2.0


async def test_a_refused_child_is_said_and_not_sent_again(stage: Bench) -> None:
    stage.cluster.faults.add(Fault("apply", "NetworkPolicy", "a-redis", times=-1, status=422))
    stage.start()
    await stage.leads()

    stage.agent()
    await stage.until(lambda: stage.condition("Stalled").get("reason") == "ChildRejected")
    await stage.rest()
    stage.edit("Service", "a-redis", {"spec": {"sessionAffinity": "ClientIP"}})
    written = await stage.rest()

    assert Counter(r.name for r in written)["a-redis"] <= 4
    assert sum(r.kind == "NetworkPolicy" and r.name == "a-redis" for r in written) == 1
    assert stage.condition("Stalled")["reason"] == "ChildRejected"


async def test_somebody_who_keeps_undoing_our_writes_is_left_alone(stage: Bench) -> None:
    await ready(stage)

    for turn in range(5):
        stage.edit("Service", "a-gateway", {"spec": {"sessionAffinity": f"x{turn}"}})
        await stage.rest()

    applied = [r for r in stage.cluster.writes if r.kind == "Service"]
    assert len(applied) == 3
    assert stage.condition("Stalled")["reason"] == "DriftFight"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first", range(0, CALLS, 5))
async def test_a_crash_at_any_call_leads_to_the_same_objects(
    stage: Bench, first: int, when: Literal["before", "after"]
) -> None:
    dying = stage.start("0")
    stage.agent()
    await stage.until(stage.is_ready)
    await stage.rest()
    calm = stage.children()

    for call in range(first, first + 5):
        await _removed(stage)
        following = stage.start(f"{call}")
        await _crash(stage, dying, Fault("write", skip=call), when)
        await stage.until(stage.is_ready)
        written = [r for r in await stage.rest() if r.status in {200, 201}]

        assert stage.children() == calm
        assert all(len(seen) == 1 for seen in stage.cluster.controllers.templates.values())
        assert sum(r.verb == "create" and r.kind == "Secret" for r in written) <= 2
        assert len(written) <= CALLS + 1
        dying = following


async def _removed(stage: Bench) -> None:
    """No agent is left, and nothing of it is remembered."""
    stage.delete("CodelabAgent", "a")
    await stage.until(lambda: not stage.children())
    await stage.rest()
    stage.cluster.log.clear()
    stage.cluster.controllers.templates.clear()


async def _crash(
    stage: Bench, dying: ForkServerProcess, fault: Fault, when: Literal["before", "after"]
) -> None:
    """Kill an operator at one of its writes, before or after the server has kept it.

    Two statuses may become one: an agent that is Ready without the last write dies calm.
    """
    dead = asyncio.Event()

    async def kill() -> None:
        dying.kill()
        dead.set()

    fault.reset = when
    fault.before, fault.after = (kill, None) if when == "before" else (None, kill)
    stage.cluster.faults.add(fault)
    stage.agent()
    await stage.until(lambda: dead.is_set() or stage.is_ready())
    await stage.kill(dying)
    stage.cluster.faults.clear()


async def test_of_two_operators_one_writes_and_the_other_takes_over(stage: Bench) -> None:
    first = stage.start("one")
    await stage.leads("one")
    stage.start("two")
    stage.agent()
    await stage.until(stage.is_ready)
    before = {r.agent for r in stage.cluster.writes}

    assert await stage.stop(first) == 0
    stage.cluster.log.clear()
    stage.edit("CodelabAgent", "a", {"spec": {"gateway": {"replicas": 2}}})
    await stage.until(lambda: stage.find("Deployment", "a-gateway")["spec"]["replicas"] == 2)

    assert before == {"codelab-operator/one"}
    assert {r.agent for r in stage.cluster.writes} == {"codelab-operator/two"}


async def test_a_leader_that_was_asleep_never_writes_again(stage: Bench) -> None:
    sleeper = stage.start("one", **SHORT_LEAD)
    await stage.leads("one")
    stage.start("two", lease_duration_s=3)
    assert sleeper.pid
    os.kill(sleeper.pid, signal.SIGSTOP)
    await stage.leads("two")
    stage.agent()

    os.kill(sleeper.pid, signal.SIGCONT)
    code = await stage.ends(sleeper)
    await stage.until(stage.is_ready)

    assert code == 1
    assert {r.agent for r in stage.cluster.writes} == {"codelab-operator/two"}


async def test_a_leader_that_cannot_renew_ends(stage: Bench) -> None:
    cut_off = stage.start("one", **SHORT_LEAD)
    await stage.leads("one")

    stage.cluster.faults.add(Fault("update", "Lease", times=-1, status=500))

    assert await stage.ends(cut_off) == 1
