"""What an agent costs the operator: requests, CPU, memory, time; against the fake API server.

The API server is this process, the operator another one: give them a core each.
"""

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

from harness import Report, options, percentile
from processes import Spent, spent

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fakes.cluster import writes  # noqa: E402 -- the tests' folder is on the path only now
from fakes.cluster.server import FakeCluster  # noqa: E402 -- as above
from fakes.cluster.serving import fake_cluster  # noqa: E402 -- as above
from fakes.cluster.store import Change, Collection  # noqa: E402 -- as above
from fakes.cluster.writes import Write  # noqa: E402 -- as above

LONGEST_S: Final = 300.0
QUIET_S: Final = 1.0
CREATE_REQUESTS: Final = 17
MEBIBYTE: Final = 2**20


@dataclass(slots=True)
class Watcher:
    """Notes when each agent became Ready."""

    cluster: FakeCluster
    ready_at: dict[str, float]

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster, self.ready_at = cluster, {}
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
            while len(self.ready_at) < count:  # noqa: ASYNC110 -- a benchmark may look
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
        "CODELAB_LEASE_DURATION_S": "3",
        "CODELAB_LEASE_DEADLINE_S": "2",
        "CODELAB_LEASE_RENEW_S": "0.5",
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


async def quiet(cluster: FakeCluster) -> None:
    """Until nothing has been asked for a while; Lease and Events aside."""
    seen = -1
    while seen != len(busy(cluster)):
        seen = len(busy(cluster))
        await asyncio.sleep(QUIET_S)


def busy(cluster: FakeCluster) -> list[Any]:
    """Requests but those of Lease and Events."""
    return [r for r in cluster.log if r.kind not in {"Lease", "Event"}]


async def paced(cluster: FakeCluster, process: Process, count: int, rate: float) -> dict[str, Any]:
    """Agents one after the other."""
    watcher, began = Watcher(cluster), process.spent()
    cluster.log.clear()
    born = {}
    for number in range(count):
        born[f"p{number}"] = create(cluster, f"p{number}")
        await asyncio.sleep(1 / rate)
    await watcher.wait(count)
    await quiet(cluster)
    waits = [(watcher.ready_at[name] - at) * 1000 for name, at in born.items()]
    cost = process.spent().cpu_s - began.cpu_s
    return {
        "part": f"paced {rate:g}/s",
        "agents": count,
        "ready p50 ms": percentile(waits, 0.5),
        "ready p99 ms": percentile(waits, 0.99),
        "requests each": len(busy(cluster)) / count,
        "CPU ms each": cost * 1000 / count,
        "wall s": 0.0,
        "peak MiB": process.peak_bytes() / MEBIBYTE,
    }


async def burst(cluster: FakeCluster, process: Process, count: int) -> dict[str, Any]:
    """Agents all at once."""
    watcher, began, started = Watcher(cluster), process.spent(), time.perf_counter()
    cluster.log.clear()
    for number in range(count):
        create(cluster, f"b{number}")
    await watcher.wait(count)
    wall_s = time.perf_counter() - started
    await quiet(cluster)
    waits = [(at - started) * 1000 for at in watcher.ready_at.values()]
    return {
        "part": "burst",
        "agents": count,
        "ready p50 ms": percentile(waits, 0.5),
        "ready p99 ms": percentile(waits, 0.99),
        "requests each": len(busy(cluster)) / count,
        "CPU ms each": (process.spent().cpu_s - began.cpu_s) * 1000 / count,
        "wall s": wall_s,
        "peak MiB": process.peak_bytes() / MEBIBYTE,
    }


async def at_rest(cluster: FakeCluster, process: Process, span_s: float) -> dict[str, Any]:
    """Nothing happens."""
    cluster.log.clear()
    began = process.spent()
    await asyncio.sleep(span_s)
    now = process.spent()
    return {
        "part": "at rest",
        "agents": len(cluster.objects("CodelabAgent")),
        "requests each": float(len(busy(cluster))),
        "CPU %": (now.cpu_s - began.cpu_s) / span_s * 100,
        "wall s": span_s,
        "RSS MiB": now.rss / MEBIBYTE,
    }


async def drift(cluster: FakeCluster, times: int) -> dict[str, Any]:
    """A child is deleted, and comes back."""
    services = cluster.store.of("Service")
    waits = []
    for number in range(times):
        name = f"b{number}-gateway"
        came = asyncio.Event()

        def saw(
            _: Collection, change: Change, name: str = name, came: asyncio.Event = came
        ) -> None:
            if change.after is not None and change.after.name == name:
                came.set()

        cluster.store.listeners.append(saw)
        writes.delete(cluster.store, services, Write("ns", name), {})
        gone_at = time.perf_counter()
        async with asyncio.timeout(10):
            await came.wait()
        waits.append((time.perf_counter() - gone_at) * 1000)
        cluster.store.listeners.remove(saw)
    return {
        "part": "drift",
        "agents": times,
        "ready p50 ms": percentile(waits, 0.5),
        "ready p99 ms": percentile(waits, 0.99),
    }


async def restart(cluster: FakeCluster, count: int, port: int) -> dict[str, Any]:
    """A fresh operator over agents that are as they should be."""
    leases = cluster.store.of("Lease")
    for lease in list(leases.objects.values()):
        cluster.store.drop(leases, lease)
    cluster.log.clear()
    started = time.perf_counter()
    async with operator(cluster, port) as process, asyncio.timeout(LONGEST_S):
        wanted = 'codelab_operator_agents{ready="true"}'
        while await asyncio.to_thread(process.metric, wanted) < count:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.1)
        wall_s = time.perf_counter() - started
        return {
            "part": "restart",
            "agents": count,
            "wall s": wall_s,
            "requests each": float(len(cluster.writes)),
            "peak MiB": process.peak_bytes() / MEBIBYTE,
        }


async def measured(chosen: Any, report: Report) -> None:
    """All parts, in one cluster."""
    async with fake_cluster() as cluster:
        async with operator(cluster, chosen.port) as process:
            watcher = Watcher(cluster)
            create(cluster, "warm")
            await watcher.wait(1)
            await quiet(cluster)
            report.add(await paced(cluster, process, chosen.paced, 10))
            row = await burst(cluster, process, chosen.agents)
            report.add(row)
            report.add(await at_rest(cluster, process, chosen.rest))
            report.add(await drift(cluster, min(50, chosen.agents)))
        await asyncio.sleep(0.2)
        count = len(cluster.objects("CodelabAgent"))
        report.add(await restart(cluster, count, chosen.port))


def check(report: Report) -> None:
    """What is promised."""
    slow, many, rest, repaired, again = report.rows
    promises = (
        (slow, "requests each", CREATE_REQUESTS, "requests for an agent, one at a time", True),
        (slow, "ready p99 ms", 100, "ms from agent to Ready, p99 paced", False),
        (many, "requests each", CREATE_REQUESTS, "requests for an agent, all at once", False),
        (many, "wall s", 10, "s until all are Ready", False),
        (many, "peak MiB", 150, "MiB at most", False),
        (many, "CPU ms each", 8, "ms CPU for an agent", False),
        (rest, "requests each", 0, "requests at rest", True),
        (rest, "CPU %", 0.1, "% CPU at rest", False),
        (rest, "RSS MiB", 110, "MiB at rest", False),
        (repaired, "ready p50 ms", 10, "ms until a deleted child is back, p50", False),
        (again, "requests each", 0, "writes after a restart", True),
        (again, "wall s", 3, "s from start to all compared", False),
    )
    for row, column, most, text, required in promises:
        figure = float(row[column])
        line = f"{row['part']}: {figure:.3g} {text}, promised <= {most}"
        report.check(line, holds=figure <= most, required=required)


def main() -> int:
    """Measure, print, keep."""
    parser = options("What an agent costs the operator.")
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--paced", type=int, default=100)
    parser.add_argument("--rest", type=float, default=60.0)
    parser.add_argument("--port", type=int, default=18080)
    chosen: Any = parser.parse_args()
    if chosen.smoke:
        chosen.agents, chosen.paced, chosen.rest = 20, 10, 3.0
    report = Report("reconcile")
    asyncio.run(measured(chosen, report))
    check(report)
    return report.finish(chosen)


if __name__ == "__main__":
    sys.exit(main())
