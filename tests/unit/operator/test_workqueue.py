"""Workers: at most 32 at once, one for each agent; a bug costs one pass, not the process."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey
from codelab_operator.workqueue import WORKERS, Outcome, Work, WorkQueue
from fakes.clock import HandClock
from harness.waiting import until

A = AgentKey("ns", "a")
COUNT = "codelab_operator_reconcile_seconds_count"


def shortest(low: float, high: float) -> float:
    """A backoff that waits for nothing."""
    del high
    return low


async def worked(is_so: Callable[[], bool], queue: WorkQueue) -> None:
    """Let the queue work until something is so."""
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(queue.run())
        await until(is_so, 0)
        running.cancel()


def queue_of(work: Work, metrics: Metrics) -> WorkQueue:
    """A queue in real time."""
    return WorkQueue(work, SYSTEM_CLOCK, shortest, metrics)


async def test_many_agents_are_worked_on_at_once_but_no_more_than_there_are_workers(
    metrics: Metrics,
) -> None:
    running, most, done = 0, 0, 0

    async def work(key: AgentKey) -> Outcome:
        del key
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        done += 1
        return Outcome()

    queue = queue_of(work, metrics)
    for number in range(3 * WORKERS):
        queue.add(AgentKey("ns", str(number)))
    await worked(lambda: done == 3 * WORKERS, queue)

    assert most == WORKERS
    assert queue.depth() == 0


async def test_a_failure_is_tried_again_and_a_wish_to_look_again_is_granted(
    metrics: Metrics,
) -> None:
    outcomes = [Outcome(is_failure=True), Outcome(again_in_s=0.0), Outcome()]

    async def work(_: AgentKey) -> Outcome:
        return outcomes.pop(0)

    queue = queue_of(work, metrics)
    queue.add(A)
    await worked(lambda: not outcomes and not queue.depth(), queue)

    assert metrics.registry.get_sample_value(COUNT, {"result": "retry"}) == 1.0
    assert metrics.registry.get_sample_value(COUNT, {"result": "ok"}) == 2.0


async def test_a_bug_is_logged_with_its_agent_and_the_agent_is_tried_again(
    metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    passes = 0

    async def work(_: AgentKey) -> Outcome:
        nonlocal passes
        passes += 1
        if passes == 1:
            raise ZeroDivisionError
        return Outcome()

    queue = queue_of(work, metrics)
    queue.add(A)
    with caplog.at_level(logging.ERROR):
        await worked(lambda: passes == 2 and not queue.depth(), queue)

    assert [(r.message, r.__dict__["agent"]) for r in caplog.records] == [
        ("reconcile failed", "ns/a")
    ]
    assert metrics.registry.get_sample_value(COUNT, {"result": "error"}) == 1.0


async def test_an_earlier_time_wakes_a_queue_that_waits_for_a_later_one(metrics: Metrics) -> None:
    done: list[AgentKey] = []

    async def work(key: AgentKey) -> Outcome:
        done.append(key)
        return Outcome()

    queue = queue_of(work, metrics)
    queue.add(A, 3600.0)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(queue.run())
        await asyncio.sleep(0)
        queue.add(AgentKey("ns", "b"), 0.001)
        await until(lambda: done)
        running.cancel()

    assert done == [AgentKey("ns", "b")]
    assert queue.depth() == 1


def test_the_age_is_that_of_the_agent_that_has_been_due_longest(
    clock: HandClock, metrics: Metrics
) -> None:
    async def work(_: AgentKey) -> Outcome:
        return Outcome()

    queue = WorkQueue(work, clock, shortest, metrics)
    queue.add(A)
    queue.add(AgentKey("ns", "b"), 5.0)

    clock.advance(7.0)

    assert queue.oldest_age_s() == 7.0
