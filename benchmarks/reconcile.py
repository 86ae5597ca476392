"""What an agent costs the operator: requests, CPU, memory, time; against the fake API server.

The API server is this process, the operator another one: give them a core each. `--kind CLUSTER`
measures something else: what the operator adds to the time that pods need, on a real cluster.
"""

import asyncio
import sys
import time
from typing import Any, Final

from uvloop import new_event_loop

from efficiency import efficiency
from harness import Report, options, percentile
from operators import (
    LONGEST_S,
    Change,
    Collection,
    FakeCluster,
    Process,
    Watcher,
    Write,
    busy,
    create,
    fake_cluster,
    operator,
    quiet,
    writes,
)

CREATE_REQUESTS: Final = 17
MEBIBYTE: Final = 2**20
EFFICIENT: Final = 0.9


async def paced(cluster: FakeCluster, process: Process, count: int, rate: float) -> dict[str, Any]:
    """Agents one after the other."""
    watcher, began = Watcher(cluster, process), process.spent()
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
    watcher, began, started = Watcher(cluster, process), process.spent(), time.perf_counter()
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
    """Nothing happens, and every Event has been posted."""
    await quiet(cluster, "Lease")
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
            watcher = Watcher(cluster, process)
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


def on_kind(chosen: Any) -> int:
    """What the operator adds to the time that pods need."""
    report = Report("efficiency")
    for row in efficiency(chosen.kind, chosen.pairs):
        report.add(row)
    ratio = float(report.rows[-1]["ratio"])
    line = f"efficiency {ratio:.2f}, bare children against an agent, promised >= {EFFICIENT}"
    report.check(line, holds=ratio >= EFFICIENT, required=False)
    return report.finish(chosen)


def main() -> int:
    """Measure, print, keep."""
    parser = options("What an agent costs the operator.")
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--paced", type=int, default=100)
    parser.add_argument("--rest", type=float, default=60.0)
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--kind", metavar="CLUSTER", help="a kind cluster with the chart in it")
    parser.add_argument("--pairs", type=int, default=10, help="runs of each kind with --kind")
    chosen: Any = parser.parse_args()
    if chosen.kind:
        return on_kind(chosen)
    if chosen.smoke:
        chosen.agents, chosen.paced, chosen.rest = 20, 10, 3.0
    report = Report("reconcile")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(measured(chosen, report))
    check(report)
    return report.finish(chosen)


if __name__ == "__main__":
    sys.exit(main())
