import asyncio

import anyio
import pytest

from codelab_core.errors import CodelabError
from codelab_core.llm_config import ClocksConfig
from codelab_llmproxy.clocks import Limits, Phase, Ticker, Watch, limits_of
from fakes.clock import HandClock


class Call:
    """A call that waits until its watch ends it."""

    def __init__(self, deadline_s: float = 600) -> None:
        self.clock = HandClock()
        self.ticker = Ticker(self.clock)
        self.watch = Watch(Limits(3, 60, 50, 30), deadline_s, self.clock)

    async def error_after(self, seconds: float) -> CodelabError | None:
        """What it ends with, when nothing happens for so long."""
        forever = asyncio.Event()
        try:
            with anyio.move_on_after(0.05):
                async with self.ticker.watching(self.watch):
                    self.clock.advance(seconds)
                    self.ticker.tick()
                    await forever.wait()
        except CodelabError as error:
            return error
        return None


@pytest.mark.parametrize(
    ("phase", "limit_s", "expected"),
    [
        (Phase.CONNECT, 3, "PROVIDER_ERROR/connect_failed"),
        (Phase.HEADERS, 60, "PROVIDER_TIMEOUT/silent"),
        (Phase.FIRST_CONTENT, 50, "PROVIDER_TIMEOUT/slow_first_content"),
        (Phase.CONTENT, 30, "PROVIDER_TIMEOUT/stalled"),
    ],
)
async def test_each_part_of_a_call_has_its_own_limit(
    phase: Phase, limit_s: float, expected: str
) -> None:
    """P-09."""
    early, late = Call(), Call()
    early.watch.enter(phase)
    late.watch.enter(phase)

    in_time = await early.error_after(limit_s - 0.1)
    error = await late.error_after(limit_s)

    assert in_time is None
    assert str(error).startswith(expected)


async def test_content_sets_the_clock_back() -> None:
    call = Call()

    call.clock.advance(29)
    call.watch.content(call.clock.now)
    error = await call.error_after(29.9)

    assert error is None


async def test_the_deadline_holds_whatever_comes() -> None:
    call = Call(deadline_s=10)

    call.clock.advance(9.9)
    call.watch.content(call.clock.now)
    error = await call.error_after(0.1)

    assert error is not None
    assert error.reason == "deadline"


async def test_a_timeout_of_something_else_is_not_taken_for_its_own() -> None:
    call = Call()

    with pytest.raises(TimeoutError):
        async with call.ticker.watching(call.watch):
            raise TimeoutError


async def test_a_call_that_ended_is_not_looked_at_any_more() -> None:
    call = Call()

    async with call.ticker.watching(call.watch):
        pass
    call.clock.advance(1_000)
    call.ticker.tick()
    call.watch.look(call.clock.now)


async def test_the_ticker_looks_by_itself() -> None:
    call = Call()
    call.clock.advance(1_000)
    with anyio.fail_after(5):
        async with asyncio.TaskGroup() as tasks:
            ticking = tasks.create_task(call.ticker.run())
            with pytest.raises(CodelabError, match="deadline"):
                async with call.ticker.watching(call.watch):
                    await asyncio.Event().wait()
            ticking.cancel()


def test_models_that_reason_or_are_loaded_first_may_take_longer() -> None:
    assert limits_of("anthropic", reasoning=False) == Limits(3, 60, 60, 30)
    assert limits_of("anthropic", reasoning=True) == Limits(3, 180, 180, 60)
    assert limits_of("ollama", reasoning=False) == Limits(3, 120, 120, 30)
    assert limits_of("ollama", reasoning=True) == Limits(3, 180, 180, 60)


def test_where_another_could_answer_none_is_waited_for_that_long() -> None:
    assert limits_of("anthropic", reasoning=False, is_last=False) == Limits(3, 10, 10, 15)
    assert limits_of("anthropic", reasoning=True, is_last=False) == Limits(3, 45, 45, 30)
    assert limits_of("ollama", reasoning=False, is_last=False) == Limits(3, 120, 120, 15)


def test_a_configuration_changes_what_it_names() -> None:
    clocks = ClocksConfig(idle_s=5.0)

    assert Limits().changed(clocks) == Limits(3, 60, 60, 5)
