"""Blocking work off the event loop, never left behind."""

import asyncio
import functools
from collections.abc import Callable


async def run_in_thread[**P, R](function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of `function`, run in a worker thread.

    A thread cannot be stopped: when the caller is cancelled meanwhile, the cancellation is raised
    only after the thread has ended, so that locks around this call cover all that it does.
    """
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(None, functools.partial(function, *args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        work.exception()  # seen: the cancellation outranks it
        raise cancelled
    return work.result()
