"""What keeps a session alive while it is worked on."""

from collections.abc import AsyncIterator

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_runtime.turn import records as rec
from codelab_runtime.upkeep import SHARE, Upkeep
from harness.stores import SID, TTL_S, Bench, bench_of

STARTED = rec.TurnStarted(turn=1, message_id="u", text="", model="m", at_ms=1)
ENDED = rec.TurnDone(turn=2, reason="completed", at_ms=1)
DETACHED = rec.Detached(connection_id="x")


class SetClock:
    """Moves when it is told; wall time stands."""

    def __init__(self) -> None:
        self.wall = SYSTEM_CLOCK.wall_ms()
        self.now = 0.0

    def wall_ms(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        yield made


async def upkeep_of(bench: Bench, clock: SetClock) -> Upkeep:
    claim = await bench.claimed()
    await bench.set_meta(exp="1")
    return Upkeep(SID, claim.fence, bench.one, bench.reader, clock, TTL_S, 0.0)


async def life_s(bench: Bench, clock: SetClock) -> int:
    """What is left of the session's life, by its own mark; below 0: it was not prolonged."""
    (exp,) = await bench.meta("exp")
    return round((int(exp or 0) - clock.wall) / 1000)


@pytest.mark.parametrize(
    "record",
    [
        STARTED,
        ENDED,
        rec.Attached(connection_id="x", client_id="c", role="driver", mode="v1", tools=[]),
    ],
    ids=["start", "end", "attach"],
)
async def test_turns_and_connections_prolong_a_life(bench: Bench, record: rec.Record) -> None:
    """S-03."""
    clock = SetClock()
    upkeep = await upkeep_of(bench, clock)

    await upkeep.before([DETACHED, record])

    assert await life_s(bench, clock) == TTL_S


async def test_other_records_do_so_only_when_a_tenth_of_it_is_gone(bench: Bench) -> None:
    clock = SetClock()
    upkeep = await upkeep_of(bench, clock)

    await upkeep.before([DETACHED])
    soon = await life_s(bench, clock)
    clock.now = TTL_S / SHARE + 1
    await upkeep.before([])
    later = await life_s(bench, clock)

    assert (soon < 0, later) == (True, TTL_S)


async def test_a_session_outlives_the_question_that_it_waits_for(bench: Bench) -> None:
    """S-03."""
    clock = SetClock()
    upkeep = await upkeep_of(bench, clock)
    day = 86_400

    await upkeep.before([rec.ToolDelivered(call_id="c", deadline_ms=clock.wall + day * 1000)])

    assert await life_s(bench, clock) == TTL_S + day


@pytest.mark.parametrize("wait_ms", [None, 60_000])
async def test_a_short_wait_changes_nothing(bench: Bench, wait_ms: int | None) -> None:
    clock = SetClock()
    upkeep = await upkeep_of(bench, clock)
    deadline = wait_ms and clock.wall + wait_ms

    await upkeep.before([rec.ToolDelivered(call_id="c", deadline_ms=deadline)])

    assert await life_s(bench, clock) < 0


async def test_the_end_of_a_turn_forgets_its_pieces_and_no_later_ones(bench: Bench) -> None:
    upkeep = await upkeep_of(bench, SetClock())
    for name in ("part:c1-1-0:0", "part:c2-4-1:0", "part:c3-1-0:0"):
        await bench.reader.keep_part(SID, name, b"x")

    await upkeep.after([STARTED])
    before = await bench.reader.part_sizes(SID)
    await upkeep.after([ENDED])

    assert len(before) == 3
    assert await bench.reader.part_sizes(SID) == {"part:c3-1-0:0": 1}


async def test_nothing_left_is_nothing_to_do(bench: Bench) -> None:
    upkeep = await upkeep_of(bench, SetClock())

    await upkeep.after([ENDED])

    assert await bench.reader.part_sizes(SID) == {}
