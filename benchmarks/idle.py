"""What a socket costs that nobody uses: memory and CPU of each part, with many of them open.

python benchmarks/idle.py [--sockets 1000] [--seconds 30] [--smoke] [--json FILE]
"""

import argparse
import asyncio
import sys
import time
from contextlib import AsyncExitStack
from typing import Any, Final

from harness import Report, options
from processes import processes, token_of
from talker import Seen, talker

CONNECT_AT_ONCE: Final = 20
PROMISED_KB: Final = 70


async def measured(chosen: argparse.Namespace, report: Report) -> None:
    """Connect everybody, then look on."""
    async with processes() as found, AsyncExitStack() as closing:
        gate, seen = asyncio.Semaphore(CONNECT_AT_ONCE), Seen()

        async def one(number: int) -> None:
            async with gate:
                session = talker(found.gateway_url, f"idle-{number}", token_of("p0"), seen)
                await closing.enter_async_context(session)

        await one(-1)
        empty, began = found.spent(), time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(chosen.sockets):
                tasks.create_task(one(number))
        took = time.monotonic() - began
        await asyncio.sleep(chosen.seconds / 3)  # leases end, buffers of the start are let go
        before = found.spent()
        await asyncio.sleep(chosen.seconds)
        after = found.spent()
    for part, used in after.items():
        report.add(
            {
                "part": part,
                "sockets": chosen.sockets,
                "MiB": used.rss / 2**20,
                "KiB per socket": (used.rss - empty[part].rss) / 1024 / chosen.sockets,
                "CPU %": (used.cpu_s - before[part].cpu_s) / chosen.seconds * 100,
                "connects/s": chosen.sockets / took,
            }
        )
    gateway = next(row for row in report.rows if row["part"] == "gateway")
    cost = float(gateway["KiB per socket"])
    text = f"gateway: {cost:.0f} KiB per idle socket, at most {PROMISED_KB}"
    report.check(text, holds=cost <= PROMISED_KB, required=False)
    report.check(f"{seen.errors} errors", holds=seen.is_clean)


def main() -> int:
    """Measure, print, keep."""
    parser = options("Cost of idle sockets.")
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0)
    chosen: Any = parser.parse_args()
    if chosen.smoke:
        chosen.sockets, chosen.seconds = 50, 2.0
    report = Report("idle")
    asyncio.run(measured(chosen, report))
    return report.finish(chosen, ("KiB per socket", "CPU %"))


if __name__ == "__main__":
    sys.exit(main())
