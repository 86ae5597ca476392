"""Room for so many things at once."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.slots import Slots


async def turns() -> None:
    """Let everybody run who can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def taker(slots: Slots, served: list[int], number: int) -> None:
    """Wait for a slot, and say who has it."""
    await slots.take()
    served.append(number)


async def test_who_waits_is_served_in_order() -> None:
    slots, served = Slots(lambda: 1), list[int]()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(taker(slots, served, number))
        await turns()
        first = list(served)
        slots.give()
        await turns()
        second = list(served)
        slots.give()

    assert (first, second, served) == ([0], [0, 1], [0, 1, 2])
    assert slots.taken == 1


async def test_a_limit_that_grew_lets_several_in_and_one_that_shrank_none() -> None:
    limit, served = [1], list[int]()
    slots = Slots(lambda: limit[0])

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        for number in range(4):
            tasks.create_task(taker(slots, served, number))
        await turns()
        limit[0] = 2
        slots.give()
        await turns()
        grown = list(served)
        limit[0] = 1
        slots.give()
        await turns()
        shrunk = list(served)
        slots.give()

    assert (grown, shrunk, served) == ([0, 1, 2], [0, 1, 2], [0, 1, 2, 3])


async def test_nobody_waits_for_a_place_that_was_given_up() -> None:
    slots = Slots(lambda: 1)
    await slots.take()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        early, late, last = (tasks.create_task(slots.take()) for _ in range(3))
        await turns()
        early.cancel()  # while it waits
        await turns()
        slots.give()
        late.cancel()  # when it was just served
        await last

    assert slots.taken == 1


async def test_idle_is_when_the_last_one_came_back() -> None:
    slots = Slots(lambda: 2)
    await slots.idle()
    await slots.take()
    await slots.take()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(slots.idle())
        await turns()
        slots.give()
        await turns()
        was_waiting = not waiting.done()
        slots.give()

    assert was_waiting


@settings(max_examples=200)
@given(st.integers(1, 4), st.lists(st.booleans(), max_size=20))
async def test_no_more_are_taken_than_allowed_and_all_are_served(
    most: int, cancelled: list[bool]
) -> None:
    slots, peak, served = Slots(lambda: most), [0], [0]

    async def worker() -> None:
        await slots.take()
        try:
            peak[0] = max(peak[0], slots.taken)
            await asyncio.sleep(0)
            served[0] += 1
        finally:
            slots.give()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        workers = [tasks.create_task(worker()) for _ in cancelled]
        await asyncio.sleep(0)
        for task, is_cancelled in zip(workers, cancelled, strict=True):
            if is_cancelled:
                task.cancel()

    assert peak[0] <= most
    assert served[0] >= cancelled.count(False)
    assert slots.taken == 0
