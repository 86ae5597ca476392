from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.server import cancelled_at_end
from codelab_runtime import workers as module
from codelab_runtime.channels import Channels
from codelab_runtime.commits import Commits
from codelab_runtime.metrics import Metrics
from codelab_runtime.tails import Tails
from codelab_runtime.turn.facts import Rules
from codelab_runtime.worker import Tools
from codelab_runtime.workers import Workers
from harness.stores import SID, Bench, bench_of, command


class Hands:
    """Actions that do nothing."""

    def __init__(self) -> None:
        self.rules = Rules()
        self.metrics = Metrics(CollectorRegistry())

    def carry_out(self, *_: object) -> None:
        """Whatever it is."""


@asynccontextmanager
async def crew(limit: int = 10) -> AsyncIterator[tuple[Bench, Workers]]:
    """The workers of process `one`."""
    async with bench_of("embedded:memory") as bench, cancelled_at_end() as tasks:
        commits = Commits(bench.one, bench.one.connection)
        tasks.create_task(commits.run())
        hands = Hands()
        tails = Tails(bench.one, bench.reader, Channels(bench.backend.channels))
        tools = Tools(
            bench.one, commits, bench.reader, tails, cast("Any", hands), SYSTEM_CLOCK, 30.0, 3600
        )
        yield bench, Workers(bench.one, tools, tasks, hands.metrics.owned, limit)


async def until(is_true: Callable[[], Any]) -> None:
    """Wait for something that is asked."""
    with anyio.fail_after(20):
        while not await is_true():  # noqa: ASYNC110 -- asked of the store
            await anyio.sleep(0.005)


async def rested(bench: Bench, consumed: int = 1) -> None:
    """Wait until the session has taken its commands and belongs to nobody."""

    async def is_so() -> bool:
        return await bench.meta("ic", "own") == [str(consumed), ""]

    await until(is_so)


async def spoken(bench: Bench, workers: Workers) -> None:
    """Start a turn that waits for its model."""
    await bench.opened()
    say = b'{"type":"user_message","message_id":"u1","content":"hi"}'
    entry = await bench.one.ingest(command("a", want=True, body=say))
    workers.ingested(SID, entry)

    async def is_asking() -> bool:
        return (await bench.meta("st", "ic"))[:2] == ["active", "1"]

    await until(is_asking)


CANCEL: dict[str, Any] = {"body": b'{"type":"cancel"}'}


async def test_an_accepted_command_is_carried_out_and_the_session_let_go() -> None:
    async with crew() as (bench, workers):
        await bench.opened()
        entry = await bench.one.ingest(command("a", want=True, **CANCEL))

        workers.ingested(SID, entry)

        await rested(bench)
        assert await bench.queues() == ([], [])


async def test_a_waiting_session_is_found_by_the_scan() -> None:
    async with crew() as (bench, workers):
        await bench.opened()
        await bench.put("a", **CANCEL)

        await workers.scan()

        await rested(bench)


async def test_a_wake_up_for_nobody_is_for_anybody() -> None:
    async with crew() as (bench, workers):
        await bench.opened()
        await bench.put("a", **CANCEL)

        workers.heard(f"{SID} ".encode())

        await rested(bench)


async def test_a_wake_up_for_the_owner_reaches_its_worker() -> None:
    async with crew() as (bench, workers):
        await spoken(bench, workers)
        await bench.put("b", store=bench.two, **CANCEL)

        workers.heard(f"{SID} somebody/else".encode())
        workers.heard(f"{SID} {bench.one.owner}".encode())

        await rested(bench, 2)


async def test_a_missed_wake_up_is_made_good_by_the_renewal() -> None:
    async with crew() as (bench, workers):
        await spoken(bench, workers)
        await bench.put("b", store=bench.two, **CANCEL)

        await workers.renew()

        await rested(bench, 2)


async def test_a_session_taken_by_another_is_dropped() -> None:
    async with crew() as (bench, workers):
        await spoken(bench, workers)
        await bench.lease_is_over()
        assert await bench.two.claim(SID)

        await workers.renew()

        async def is_dropped() -> bool:
            return SID not in workers._workers

        await until(is_dropped)
        assert await bench.meta("own") == [bench.two.owner]


async def test_no_more_sessions_than_the_limit_are_claimed() -> None:
    async with crew(limit=1) as (bench, workers):
        await spoken(bench, workers)
        await bench.opened("s-2")
        await bench.one.ingest(command("a", session_id="s-2"))

        await workers.scan()

        assert not workers.has_room
        assert (await bench.two.due(0, 9)).session_ids == ("s-2",)


async def test_a_drain_hands_everything_over_at_once() -> None:
    async with crew() as (bench, workers):
        await spoken(bench, workers)

        await workers.drain()

        assert not workers.has_room
        assert await bench.queues() == ([SID], [])
        claim = await bench.two.claim(SID)
        assert claim is not None
        assert claim.crashes == 0


async def test_what_is_claimed_while_draining_is_given_back() -> None:
    async with crew() as (bench, workers):
        await bench.opened()
        workers.draining = True
        entry = await bench.one.ingest(command("a", want=True))

        workers.ingested(SID, entry)

        async def is_ready() -> bool:
            return await bench.queues() == ([SID], [])

        await until(is_ready)


async def test_too_many_waiting_sessions_are_an_overload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_READY", 1)
    async with crew(limit=0) as (bench, workers):
        for n in range(3):
            await bench.redis.zadd(bench.keys.ready(0), {f"s-{n}": 1})

        await workers.scan()

        assert workers.is_overloaded


async def test_a_session_of_another_master_goes_on_in_another_epoch() -> None:
    async with crew() as (bench, workers):
        await bench.opened()
        await bench.set_meta(term="1")  # it failed over since
        (before,) = await bench.meta("ep")
        entry = await bench.one.ingest(command("a", want=True, **CANCEL))

        workers.ingested(SID, entry)

        async def is_rebased() -> bool:
            return (await bench.meta("ep"))[0] != before

        await until(is_rebased)
        assert await bench.meta("ic", "own", "term") == ["0", "", ""]
        await workers.scan()
        await rested(bench)


async def test_an_owner_whose_log_is_not_as_it_left_it_begins_another_epoch() -> None:
    async with crew() as (bench, workers):
        await spoken(bench, workers)
        (before,) = await bench.meta("ep")
        await bench.set_meta(head=0)
        await bench.put("b", **CANCEL)
        workers.wake(SID)

        async def is_rebased() -> bool:
            return (await bench.meta("ep", "own")) != [before, bench.one.owner]

        await until(is_rebased)
        assert (await bench.meta("ep"))[0] != before


@pytest.mark.parametrize("is_forgotten", [False, True])
async def test_a_state_that_is_known_saves_the_journal_until_the_store_was_away(
    *, is_forgotten: bool
) -> None:
    async with crew() as (bench, workers):
        await spoken(bench, workers)
        await bench.put("b", **CANCEL)
        workers.wake(SID)

        async def is_let_go() -> bool:
            return SID not in workers._workers

        await until(is_let_go)
        await bench.redis.rename(bench.key("jr"), "elsewhere")
        if is_forgotten:
            workers.forget()

        workers.ingested(SID, await bench.one.ingest(command("c", want=True, **CANCEL)))

        await until(is_let_go)
        assert await bench.meta("ic") == ["2" if is_forgotten else "3"]


async def test_a_worker_that_fails_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with crew() as (bench, workers):
        await bench.opened("s-2")
        await spoken(bench, workers)
        broken = await bench.one.ingest(command("a", session_id="s-2", want=True, body=b"[]"))
        workers.ingested("s-2", broken)

        async def is_logged() -> bool:
            return "worker failed" in caplog.text

        await until(is_logged)
        await bench.put("b", **CANCEL)
        workers.wake(SID)
        await rested(bench, 2)
