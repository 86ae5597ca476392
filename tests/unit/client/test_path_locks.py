import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_client.path_locks import Claim, PathLocks

TREE = Claim(tree=True)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(Claim.reading("a"), Claim.reading("a"), False, id="readers"),
        pytest.param(Claim.reading("a"), Claim.writing("a"), True, id="reader-and-writer"),
        pytest.param(Claim.writing("a"), Claim.writing("a"), True, id="writers"),
        pytest.param(Claim.writing("a"), Claim.writing("b"), False, id="other-files"),
        pytest.param(Claim.writing("a"), Claim.writing("x", "A"), True, id="case"),
        pytest.param(Claim.writing("e\u0301"), Claim.reading("\u00e9"), True, id="form"),
        pytest.param(TREE, Claim.writing("a"), True, id="tree-and-writer"),
        pytest.param(TREE, Claim.reading("a"), False, id="tree-and-reader"),
        pytest.param(TREE, TREE, False, id="trees"),
        pytest.param(Claim(), TREE, False, id="nothing"),
    ],
)
def test_claims_conflict_when_one_writes_what_the_other_sees(
    one: Claim, other: Claim, *, expected: bool
) -> None:
    assert (expected, expected) == (one.conflicts(other), other.conflicts(one))


class Trace:
    """Who holds what, in order."""

    def __init__(self) -> None:
        self.locks = PathLocks()
        self.begun: list[str] = []
        self.now: set[str] = set()
        self.go_on = {name: asyncio.Event() for name in "abcdef"}

    @asynccontextmanager
    async def holding(self, name: str, claim: Claim) -> AsyncIterator[None]:
        async with self.locks.hold(claim):
            self.begun.append(name)
            self.now.add(name)
            try:
                yield
            finally:
                self.now.remove(name)

    async def run(self, name: str, claim: Claim) -> None:
        async with self.holding(name, claim):
            await self.go_on[name].wait()


async def settled() -> None:
    """Let every task come to its next wait."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_readers_go_together_and_a_writer_waits_for_them() -> None:
    trace = Trace()
    async with asyncio.TaskGroup() as tasks:
        for name, claim in (
            ("a", Claim.reading("x")),
            ("b", TREE),
            ("c", Claim.writing("x")),
            ("d", Claim.writing("y")),
        ):
            tasks.create_task(trace.run(name, claim))
        await settled()
        first = set(trace.now)
        trace.go_on["b"].set()
        await settled()
        second = set(trace.now)
        for event in trace.go_on.values():
            event.set()

    assert ({"a", "b"}, {"a", "d"}) == (first, second)
    assert trace.begun == ["a", "b", "d", "c"]


async def test_a_waiting_writer_is_not_overtaken_by_readers() -> None:
    trace = Trace()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(trace.run("a", Claim.reading("x")))
        tasks.create_task(trace.run("b", Claim.writing("x")))
        tasks.create_task(trace.run("c", Claim.reading("x")))
        await settled()
        waiting = list(trace.begun)
        for event in trace.go_on.values():
            event.set()

    assert waiting == ["a"]
    assert trace.begun == ["a", "b", "c"]


async def test_who_stops_waiting_lets_the_next_go_on() -> None:
    trace = Trace()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(trace.run("a", Claim.reading("x")))
        writer = tasks.create_task(trace.run("b", Claim.writing("x")))
        tasks.create_task(trace.run("c", Claim.reading("x")))
        await settled()
        writer.cancel()
        await settled()
        holding = set(trace.now)
        for event in trace.go_on.values():
            event.set()

    assert {"a", "c"} == holding


async def test_a_failure_releases_what_was_held() -> None:
    locks = PathLocks()

    with pytest.raises(ZeroDivisionError):
        async with locks.hold(Claim.writing("x")):
            raise ZeroDivisionError

    async with asyncio.timeout(5), locks.hold(Claim.writing("x")):
        pass


CLAIMS = st.sampled_from(
    [Claim.reading("x"), Claim.writing("x"), Claim.writing("x", "y"), Claim.reading("y"), TREE]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(CLAIMS, max_size=12))
async def test_no_two_conflicting_claims_are_ever_held_together(claims: list[Claim]) -> None:
    locks = PathLocks()
    held: list[Claim] = []
    conflicts: list[tuple[Claim, Claim]] = []

    async def use(claim: Claim) -> None:
        async with locks.hold(claim):
            conflicts.extend((claim, other) for other in held if claim.conflicts(other))
            held.append(claim)
            await asyncio.sleep(0)
            held.remove(claim)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        for claim in claims:
            tasks.create_task(use(claim))

    assert conflicts == []
    assert held == []
