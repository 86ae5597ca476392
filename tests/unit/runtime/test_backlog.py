import asyncio

import anyio

from codelab_runtime.backlog import MAX_WAITING_CHARS, Backlog
from codelab_runtime.turn.facts import Chunks, Fact, TimerFired


def chunk(chars: int) -> Chunks:
    return Chunks("i", "x" * chars, 1, 0)


def test_facts_come_out_in_the_order_in_which_they_happened() -> None:
    backlog = Backlog()
    facts: list[Fact] = [TimerFired(), chunk(1), chunk(2)]
    for fact in facts:
        backlog.tell(fact)

    taken = [backlog.take(2), backlog.take(2), backlog.take(2)]

    assert taken == [facts[:2], facts[2:], []]
    assert not backlog


def test_something_waiting_is_news() -> None:
    backlog = Backlog()
    assert not backlog
    assert not backlog.changed.is_set()

    backlog.tell(TimerFired())

    assert backlog
    assert backlog.changed.is_set()


async def test_readers_wait_while_too_much_text_waits() -> None:
    backlog = Backlog()
    backlog.tell(chunk(MAX_WAITING_CHARS))
    await backlog.room()
    backlog.tell(chunk(1))

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(backlog.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        backlog.take(1)
        with anyio.fail_after(1):
            await waiting
