import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.server import cancelled_at_end
from codelab_runtime.answers import Committed, FencedError
from codelab_runtime.commits import MAX_BATCH, Commits
from codelab_runtime.connection import Call, Connection
from harness.stores import Bench, bench_of, commit_of


class Slow(Connection):
    """A connection whose trips are counted, and may be held up or lost."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.redis)
        self.trips: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None

    async def run_each(self, calls: Sequence[Call]) -> list[list[Any] | CodelabError]:
        self.trips.append(len(calls))
        await self.gate.wait()
        if self.fault:
            raise self.fault
        return await super().run_each(calls)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        yield made


async def test_what_waits_for_one_trip_makes_the_next(bench: Bench) -> None:
    claim = await bench.claimed()
    slow = Slow(bench)
    slow.gate.clear()
    commits = Commits(bench.one, slow)
    first = commit_of(claim, events=[b"{}"])
    others = [commit_of(claim, f"late-{n}", fence=9) for n in range(MAX_BATCH + 1)]

    async with cancelled_at_end() as tasks:
        tasks.create_task(commits.run())
        done = tasks.create_task(commits.submit(first))
        await anyio.sleep(0.01)
        fenced = [tasks.create_task(_fenced(commits.submit(other))) for other in others]
        await anyio.lowlevel.checkpoint()
        slow.gate.set()
        with anyio.fail_after(20):
            await asyncio.wait([done, *fenced])

    assert done.result() == Committed(more=False, head=1, jn=0, inn=0)
    assert all(task.result() for task in fenced)
    assert slow.trips == [1, MAX_BATCH, 1]


async def _fenced(submitted: Any) -> bool:
    """Whether a commit was refused."""
    try:
        await submitted
    except FencedError:
        return True
    return False


async def test_a_waiter_that_left_holds_up_nobody(bench: Bench) -> None:
    claim = await bench.claimed()
    slow = Slow(bench)
    slow.gate.clear()
    commits = Commits(bench.one, slow)

    async with cancelled_at_end() as tasks:
        tasks.create_task(commits.run())
        gone = tasks.create_task(commits.submit(commit_of(claim, events=[b"{}"])))
        await anyio.sleep(0.01)
        gone.cancel()
        slow.gate.set()

        done = await commits.submit(commit_of(claim, "op-2", head=1, events=[b"{}"]))

    assert done.head == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (CodelabError(Code.UNAVAILABLE, "store_unavailable"), Code.UNAVAILABLE),
        (ValueError("a bug"), Code.INTERNAL),
    ],
)
async def test_a_trip_that_fails_is_told_to_those_who_were_on_it(
    bench: Bench, fault: Exception, code: Code
) -> None:
    claim = await bench.claimed()
    slow = Slow(bench)
    slow.fault = fault
    commits = Commits(bench.one, slow)
    wanted = commit_of(claim, events=[b"{}"])

    async with cancelled_at_end() as tasks:
        tasks.create_task(commits.run())
        with pytest.raises(CodelabError) as caught:
            await commits.submit(wanted)
        slow.fault = None
        done = await commits.submit(wanted)

    assert (caught.value.code, done.head) == (code, 1)
