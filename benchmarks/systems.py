"""What is measured: all parts as processes of their own, or as one."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from processes import Spent, processes, spent, token_of

HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class System:
    """A running system: where clients connect, as whom, and what its parts have used."""

    name: str
    url: str
    token: str | None
    pids: Mapping[str, int]

    def spent(self) -> dict[str, Spent]:
        """What each part has used so far."""
        return {part: spent(pid) for part, pid in self.pids.items()}


@asynccontextmanager
async def cluster() -> AsyncIterator[System]:
    """A process per part."""
    async with processes(stamped=True) as found:
        yield System("cluster", found.gateway_url, token_of("p0"), found.pids)


@asynccontextmanager
async def embedded() -> AsyncIterator[System]:
    """`codelab up`: one process, and its private store."""
    with tempfile.TemporaryDirectory(prefix="codelab-bench-") as folder:
        command = [sys.executable, str(HERE / "embedded_stack.py"), folder]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            if process.stdout is None:
                raise RuntimeError("no pipe")
            url = (await process.stdout.readline()).decode().strip()
            yield System("embedded", url, None, {"one process": process.pid})
        finally:
            process.terminate()
            await process.wait()


SYSTEMS: Final = {"cluster": cluster, "embedded": embedded}
