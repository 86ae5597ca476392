from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.server import cancelled_at_end
from codelab_runtime.answers import BrokenJournalError, DivergedError, FencedError
from codelab_runtime.channels import Channels
from codelab_runtime.commits import Commits
from codelab_runtime.metrics import Metrics
from codelab_runtime.tails import Tails
from codelab_runtime.turn.facts import Chunks, Infer, InferenceEnded, Rules
from codelab_runtime.turn.state import SessionState
from codelab_runtime.worker import Tools, Worker
from harness.stores import SID, Bench, bench_of, commit_of

SAY = b'{"type":"user_message","message_id":"u1","content":"hi"}'
DONE = {"finish_reason": "stop", "model": "m", "provider": "p"}


class Hands:
    """Actions that keep what they were to do, and where its facts go."""

    def __init__(self) -> None:
        self.rules = Rules()
        self.metrics = Metrics(CollectorRegistry())
        self.done: list[Any] = []
        self.desk: Any = None
        self.called = anyio.Event()

    def carry_out(self, effect: Any, _state: SessionState, _fence: int, desk: Any) -> None:
        self.done.append(effect)
        self.desk = desk
        self.called.set()

    async def opened(self) -> Infer:
        """The inference that was asked for last."""
        with anyio.fail_after(20):
            await self.called.wait()
        self.called = anyio.Event()
        return cast("Infer", self.done[-1])


@asynccontextmanager
async def office(park_after_s: float = 30.0) -> AsyncIterator[tuple[Bench, Tools, Hands]]:
    async with bench_of("embedded:memory") as bench, cancelled_at_end() as tasks:
        commits = Commits(bench.one, bench.one.connection)
        tasks.create_task(commits.run())
        hands = Hands()
        tails = Tails(bench.one, bench.reader, Channels(bench.backend.channels))
        await bench.opened()
        yield (
            bench,
            Tools(
                bench.one,
                commits,
                bench.reader,
                tails,
                cast("Any", hands),
                SYSTEM_CLOCK,
                park_after_s,
                3600,
            ),
            hands,
        )


async def run(bench: Bench, tools: Tools, known: SessionState | None = None) -> SessionState:
    """Claim the session and drive it to its rest."""
    claim = await bench.claimed()
    with anyio.fail_after(20):
        return await Worker(SID, claim, tools).run(known)


def events(log: list[tuple[str, bytes]]) -> list[bytes]:
    return [data.partition(b'"type":"')[2].partition(b'"')[0] for _, data in log]


async def test_a_turn_is_driven_to_its_end_and_let_go() -> None:
    async with office() as (bench, tools, hands):
        await bench.put("a", body=SAY)
        async with anyio.create_task_group() as group:
            group.start_soon(run, bench, tools)
            wanted = await hands.opened()
            hands.desk.tell(Chunks(wanted.inference_id, "Hello", 1, 7))
            hands.desk.tell(InferenceEnded(wanted.inference_id, 2, DONE, {}))

        assert events(await bench.stream("ev")) == [
            *(b"message_accepted", b"turn_started"),
            *(b"assistant_message", b"assistant_message", b"turn_completed"),
        ]
        assert await bench.meta("own", "st", "ic") == ["", "idle", "1"]
        assert wanted.start == 0


async def test_a_successor_goes_on_after_the_text_shown_last() -> None:
    async with office() as (bench, tools, hands):
        await bench.put("a", body=SAY)
        async with anyio.create_task_group() as group:
            group.start_soon(run, bench, tools)
            wanted = await hands.opened()
            hands.desk.tell(Chunks(wanted.inference_id, "Hel", 3, 7))
            while (await bench.meta("head"))[0] != "3":  # noqa: ASYNC110 -- asked of the store
                await anyio.sleep(0.005)
            group.cancel_scope.cancel()
        await bench.lease_is_over()

        hands.called = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(run, bench, tools)
            again = await hands.opened()
            hands.desk.tell(Chunks(again.inference_id, "lo", 4, 8))
            hands.desk.tell(InferenceEnded(again.inference_id, 5, DONE, {}))

        assert again == Infer("open", wanted.inference_id, 3)
        state, _ = await bench.reader.state(SID)
        assert state.history[-1].content == "Hello"


async def test_what_kills_workers_ends_its_turn_and_not_the_session() -> None:
    async with office() as (bench, tools, hands):
        await bench.put("a", body=SAY)
        async with anyio.create_task_group() as group:
            group.start_soon(run, bench, tools)
            await hands.opened()
            group.cancel_scope.cancel()
        (head, jn) = await bench.meta("head", "jn")
        await bench.set_meta(crashes=2, mark=f"{head}.{jn}")
        await bench.lease_is_over()

        state = await run(bench, tools)

        assert state.turn is None
        assert b"TURN_POISONED" in (await bench.stream("ev"))[-1][1]


async def test_a_command_that_kills_workers_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with office() as (bench, tools, _):
        await bench.put("a", body=b'{"type":"rename","title":["no text"]}')
        await bench.claimed()
        await bench.set_meta(crashes=3)
        await bench.lease_is_over()

        state = await run(bench, tools)

        assert (state.title, state.consumed) == ("", 1)
        assert "command dropped" in caplog.text


async def test_a_known_state_saves_reading_the_journal() -> None:
    async with office() as (bench, tools, _):
        first = await run(bench, tools)
        await bench.redis.rename(bench.key("jr"), "elsewhere")
        await bench.put("a", body=b'{"type":"cancel"}')

        second = await run(bench, tools, first)

        assert second.consumed == 1


async def test_a_journal_that_is_not_there_is_no_state() -> None:
    async with office() as (bench, tools, _):
        await run(bench, tools)
        await bench.redis.delete(bench.key("jr"))

        with pytest.raises(BrokenJournalError):
            await run(bench, tools)


async def test_a_worker_whose_session_was_taken_stops() -> None:
    async with office() as (bench, tools, _):
        claim = await bench.claimed()
        await bench.lease_is_over()
        await bench.two.claim(SID)
        await bench.put("a", body=b'{"type":"rename","title":"T"}')

        with anyio.fail_after(20), pytest.raises(FencedError):
            await Worker(SID, claim, tools).run(None)


async def test_a_worker_finds_a_log_that_moved_without_it() -> None:
    async with office() as (bench, tools, _):
        claim = await bench.claimed()
        await bench.commit(commit_of(claim, events=[b"{}"]))

        with anyio.fail_after(20), pytest.raises(DivergedError):
            await Worker(SID, claim, tools).run(None)
