import asyncio
import logging

import anyio
import pytest

from codelab_core.clock import jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.server import cancelled_at_end
from codelab_runtime.repeating import Repeated


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (CodelabError(Code.UNAVAILABLE, "store_unavailable"), logging.WARNING),
        (ValueError("a bug"), logging.ERROR),
    ],
)
async def test_a_failure_is_logged_and_the_work_goes_on(
    error: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[int] = []
    enough = asyncio.Event()

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            raise error
        enough.set()

    async with cancelled_at_end() as tasks:
        tasks.create_task(Repeated("chore", 0.001, work).run(jitter_source()))
        with anyio.fail_after(2):
            await enough.wait()

    (entry,) = [record for record in caplog.records if record.name.endswith("repeating")]
    assert (entry.levelno, entry.__dict__["work"]) == (level, "chore")
