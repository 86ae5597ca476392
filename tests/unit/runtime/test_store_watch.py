from typing import Any, cast

import pytest

from codelab_core.service import Readiness, State
from codelab_runtime.connection import Connection
from codelab_runtime.eviction import ASK_S, Eviction
from codelab_runtime.store_clock import StoreClock
from codelab_runtime.store_watch import PATIENCE_S, StoreWatch
from fakes.clock import HandClock


class Absent:
    """A client of a store that comes and goes."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.policy = "noeviction"

    async def time(self) -> tuple[int, int]:
        if not self.answers:
            raise ConnectionError
        return 5_000, 250_000

    async def info(self, _section: str) -> dict[str, str]:
        return {"maxmemory_policy": self.policy}


def watched(store: Absent, state: State) -> tuple[StoreWatch, Readiness, HandClock]:
    readiness, clock = Readiness(state), HandClock()
    connection = Connection(cast("Any", store))
    eviction = Eviction(connection, clock, is_allowed=False)
    return StoreWatch(connection, readiness, StoreClock(clock), eviction), readiness, clock


async def test_a_process_is_ready_when_the_store_has_answered() -> None:
    store = Absent(answers=False)
    watch, readiness, _ = watched(store, "store")

    await watch.look()
    before = readiness.state
    store.answers = True
    await watch.look()

    assert (before, readiness.state) == ("store", "ok")


async def test_a_short_absence_is_nobodys_business() -> None:
    store = Absent(answers=True)
    watch, readiness, clock = watched(store, "ok")
    await watch.look()
    store.answers = False

    clock.advance(PATIENCE_S - 0.1)
    await watch.look()
    early = readiness.state
    clock.advance(0.1)
    await watch.look()

    assert (early, readiness.state) == ("ok", "store")


async def test_a_process_before_a_store_that_drops_entries_is_not_ready_until_it_is_put_right() -> (
    None
):
    store = Absent(answers=True)
    watch, readiness, clock = watched(store, "store")
    states = []

    for policy in ("volatile-lru", "noeviction"):
        store.policy = policy
        clock.advance(ASK_S)
        await watch.look()
        states.append(readiness.state)

    assert states == ["store", "ok"]


@pytest.mark.parametrize("answers", [True, False])
async def test_a_draining_process_stays_so(*, answers: bool) -> None:
    watch, readiness, _ = watched(Absent(answers=answers), "draining")

    await watch.look()

    assert readiness.state == "draining"


async def test_the_clock_follows_the_store() -> None:
    clock = StoreClock(HandClock())
    connection = Connection(cast("Any", Absent(answers=True)))
    eviction = Eviction(connection, clock, is_allowed=True)
    watch = StoreWatch(connection, Readiness(), clock, eviction)

    await watch.look()

    assert clock.wall_ms() == 5_000_250
