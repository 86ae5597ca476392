"""An operator process on the fake API server, for benchmarks: how it comes up and what it uses."""

import asyncio
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from processes import Spent, spent

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fakes.cluster import writes  # noqa: E402 -- the tests' folder is on the path only now
from fakes.cluster.server import FakeCluster  # noqa: E402 -- as above
from fakes.cluster.serving import fake_cluster  # noqa: E402 -- as above
from fakes.cluster.store import Change, Collection  # noqa: E402 -- as above
from fakes.cluster.writes import Write  # noqa: E402 -- as above

__all__ = ["Change", "Collection", "FakeCluster", "Write", "fake_cluster", "writes"]

LONGEST_S: Final = 300.0
QUIET_S: Final = 1.0


@dataclass(slots=True)
class Watcher:
    """Notes when each agent became Ready; `process` has to live until then."""

    cluster: FakeCluster
    process: "Process"
    ready_at: dict[str, float]

    def __init__(self, cluster: FakeCluster, process: "Process") -> None:
        self.cluster, self.process, self.ready_at = cluster, process, {}
        cluster.store.listeners.append(self._saw)

    def _saw(self, collection: Collection, change: Change) -> None:
        """One change."""
        if collection.resource.kind != "CodelabAgent" or change.after is None:
            return
        conditions = change.after.manifest["status"].get("conditions", ())
        if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            self.ready_at.setdefault(change.after.name, time.perf_counter())

    async def wait(self, count: int) -> None:
        """Until so many are Ready."""
        async with asyncio.timeout(LONGEST_S):
            while len(self.ready_at) < count:
                if self.process.handle.returncode is not None:
                    raise ChildProcessError("the operator ended")
                await asyncio.sleep(0.005)


@dataclass(slots=True)
class Process:
    """A running operator."""

    pid: int
    port: int
    handle: asyncio.subprocess.Process

    def spent(self) -> Spent:
        """CPU and memory so far."""
        return spent(self.pid)

    def peak_bytes(self) -> int:
        """Most memory that it ever had."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", text)
        return int(found[1]) * 1024 if found else 0

    def metric(self, name: str) -> float:
        """A value of `/metrics`; -1.0 where it is not there."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
                text = answer.read().decode()
        except OSError:
            return -1.0
        found = re.search(rf"^{re.escape(name)} ([0-9.e+-]+)$", text, re.MULTILINE)
        return float(found[1]) if found else -1.0


@asynccontextmanager
async def operator(cluster: FakeCluster, port: int) -> AsyncIterator[Process]:
    """An operator that leads."""
    settings = {
        "CODELAB_API_URL": cluster.url,
        "CODELAB_HOST": "127.0.0.1",
        "CODELAB_PORT": str(port),
        "CODELAB_LEASE_POLL_S": "0.1",
        "CODELAB_HEALTH_URL": cluster.url + "/health/{namespace}/{service}",
    }
    with tempfile.TemporaryFile() as log:
        handle = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "codelab_operator", env=settings, stderr=log, cwd=ROOT
        )
        process = Process(handle.pid, port, handle)
        try:
            yield process
        finally:
            if handle.returncode is None:
                handle.terminate()
            await handle.wait()
            log.seek(0)
            sys.stderr.write(log.read().decode()[-2000:])


def create(cluster: FakeCluster, name: str) -> float:
    """Create an agent; the time."""
    agents = cluster.store.of("CodelabAgent")
    body = {"metadata": {"name": name}, "spec": {"monitoring": {"serviceMonitor": "Disabled"}}}
    writes.create(cluster.store, agents, Write("ns", name, "bench"), body)
    return time.perf_counter()


async def quiet(cluster: FakeCluster, *aside: str) -> None:
    """Until nothing has been asked for a while, but of these kinds; else Lease and Events."""
    seen = -1
    while seen != len(busy(cluster, *aside)):
        seen = len(busy(cluster, *aside))
        await asyncio.sleep(QUIET_S)


def busy(cluster: FakeCluster, *aside: str) -> list[Any]:
    """Requests but those of these kinds; else of Lease and Events."""
    left_out = aside or ("Lease", "Event")
    return [r for r in cluster.log if r.kind not in left_out]
