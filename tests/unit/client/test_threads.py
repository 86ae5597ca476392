import asyncio
import threading

import pytest

from codelab_client.threads import run_in_thread


async def test_the_result_of_the_function_comes_back() -> None:
    assert await run_in_thread(pow, 2, 5, mod=7) == 4


async def test_an_error_of_the_function_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(divmod, 1, 0)


async def test_it_runs_off_the_loops_thread() -> None:
    assert await run_in_thread(threading.get_ident) != threading.get_ident()


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_caller_waits_for_the_end_of_the_thread(times: int) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(5)
        ended.set()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run_in_thread(work))
        await asyncio.to_thread(begun.wait, 5)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        waited = not task.done()
        go_on.set()
        await asyncio.wait([task])

    assert waited
    assert task.cancelled()
    assert ended.is_set()


async def test_an_error_after_a_cancellation_is_not_lost_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(5)
        raise ValueError

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run_in_thread(work))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        go_on.set()
        await asyncio.wait([task])

    assert task.cancelled()
    assert caplog.records == []
