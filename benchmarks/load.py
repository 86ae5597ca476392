"""The load test: many clients on their sockets, a steady rate of messages, and what came of it.

    python benchmarks/load.py [--url URL --token TOKEN] [--sockets 100] [--rate 10]
                              [--duration 300] [--smoke] [--json FILE] [--strict]

Without `--url` it starts the system for itself, a process per service, one principal per socket.
A request is one user message; its latency is the time to the first token at the client, of a
scripted model that takes no time of its own. A failed request or an incomplete answer makes the
exit status 1; a missed latency or memory figure is printed as missed, and counts with `--strict`.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from websockets.exceptions import WebSocketException

from harness import Report, options, percentile
from processes import Spent, processes, token_of
from talker import Seen, Talker, talker

MODEL: Final = "scripted/tokens-20@0"
TOKENS: Final = 20
CONNECT_AT_ONCE: Final = 10
SAMPLE_S: Final = 1.0
PROMISED_P95_MS: Final = 500
PROMISED_GROWTH: Final = 1.05
TURN_S: Final = 30.0
WARM: Final = 0.2
"""Part of the run after which memory counts: caches and pools have filled by then."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What to load: base URL, the token of each client, memory where it can be seen."""

    url: str
    token: Callable[[int], str | None]
    memory: Callable[[], dict[str, Spent]]


@dataclass(slots=True)
class Run:
    """What a run has seen."""

    seen: Seen = field(default_factory=Seen)
    sent: int = 0
    failed: int = 0
    took_s: float = 0.0
    memory: list[dict[str, int]] = field(default_factory=list)


@asynccontextmanager
async def aimed(chosen: argparse.Namespace) -> AsyncIterator[Aim]:
    """The system that was named, or one for the occasion."""
    if chosen.url:
        yield Aim(chosen.url.rstrip("/"), lambda _: chosen.token, dict)
        return
    async with processes(principals=chosen.sockets) as found:
        yield Aim(found.gateway_url, lambda number: token_of(f"p{number}"), found.spent)


async def load(chosen: argparse.Namespace, aim: Aim) -> Run:
    """Connect all, then send at the rate until the time is over, then wait for the last answer."""
    run, marker = Run(), time.monotonic_ns()
    async with AsyncExitStack() as closing, asyncio.TaskGroup() as tasks:
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(number: int) -> Talker:
            async with gate:
                session = talker(aim.url, f"load-{marker}-{number}", aim.token(number), run.seen)
                return await closing.enter_async_context(session)

        made = [tasks.create_task(one(number)) for number in range(chosen.sockets)]
        talkers = [await task for task in made]
        watcher = tasks.create_task(_watch(aim, run, chosen))
        await _send_all(talkers, run, chosen)
        watcher.cancel()
    return run


async def _send_all(talkers: list[Talker], run: Run, chosen: argparse.Namespace) -> None:
    """One message after the other at the rate, by the clients in turn."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as turns:
        for number in range(int(chosen.rate * chosen.duration)):
            wait = began + number / chosen.rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            run.sent += 1
            turns.create_task(_turn(talkers[number % len(talkers)], run))
    run.took_s = time.monotonic() - began


async def _turn(one: Talker, run: Run) -> None:
    """One request; whatever goes wrong is counted, and the run goes on."""
    try:
        async with asyncio.timeout(TURN_S), one.free:
            await one.turn("go", MODEL)
    except Exception as error:  # noqa: BLE001 -- counted by its name and shown at the end
        run.failed += 1
        run.seen.codes[type(error).__name__] += 1


async def _watch(aim: Aim, run: Run, chosen: argparse.Namespace) -> None:
    """Sample memory, and say how far we are."""
    began = time.monotonic()
    while True:
        await asyncio.sleep(SAMPLE_S)
        run.memory.append({name: used.rss for name, used in aim.memory().items()})
        passed = time.monotonic() - began
        line = f"{passed:5.0f} of {chosen.duration:.0f} s  {run.seen.turns} answers"
        sys.stderr.write(f"\r{line}  p95 {percentile(run.seen.first_ms, 0.95):.0f} ms ")
        sys.stderr.flush()


def judge(report: Report, run: Run, chosen: argparse.Namespace) -> None:
    """Rows and lines of a run."""
    sys.stderr.write("\n")
    seen, first = run.seen, run.seen.first_ms
    p50, p95, p99 = (percentile(first, share) for share in (0.5, 0.95, 0.99))
    lost = run.sent * TOKENS - seen.tokens
    failed = run.failed + seen.errors
    report.add(
        {
            "sockets": chosen.sockets,
            "requests": run.sent,
            "answers": seen.turns,
            "requests/s": seen.turns / max(run.took_s, 1e-9),
            "p50 ms": p50,
            "p95 ms": p95,
            "p99 ms": p99,
            "errors": failed,
            "lost": lost + seen.gaps,
            "doubled": seen.doubles,
        }
    )
    is_whole = failed == 0 and seen.turns == run.sent
    report.check(f"{chosen.sockets} WebSockets open all along", holds=run.failed == 0)
    told = f" {dict(seen.codes)}" if seen.codes else ""
    text = f"{seen.turns} of {run.sent} requests answered, {failed} errors{told}"
    report.check(text, holds=is_whole)
    text = f"{lost + seen.gaps} tokens lost, {seen.doubles} doubled of {seen.tokens}"
    report.check(text, holds=not (lost or seen.gaps or seen.doubles))
    text = f"first token: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms; p95 < 500 ms"
    report.check(text, holds=p95 < PROMISED_P95_MS, required=False)
    _judge_memory(report, run)


def _judge_memory(report: Report, run: Run) -> None:
    """Memory of each process at the end against that of the beginning, and its slope."""
    settled = run.memory[int(len(run.memory) * WARM) :]
    for part in settled[0] if len(settled) > 1 else ():
        series = [sample[part] for sample in settled]
        growth, slope = series[-1] / series[0], _slope(series) * 60 / SAMPLE_S / 2**20
        text = f"memory of {part}: {series[-1] / 2**20:.0f} MiB, {slope:+.2f} MiB a minute"
        report.check(text, holds=growth <= PROMISED_GROWTH, required=False)


def _slope(series: list[int]) -> float:
    """Least-squares slope, per sample."""
    middle, mean = (len(series) - 1) / 2, sum(series) / len(series)
    over = sum((x - middle) * (y - mean) for x, y in enumerate(series))
    return over / sum((x - middle) ** 2 for x in range(len(series)))


async def _whole(chosen: argparse.Namespace, report: Report) -> None:
    """Load and judge."""
    try:
        async with aimed(chosen) as aim:
            run = await load(chosen, aim)
    except* (OSError, WebSocketException) as group:
        cause = group.exceptions[0]
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        report.check(f"no connection: {type(cause).__name__}", holds=False)
    else:
        judge(report, run, chosen)


def main() -> int:
    """Measure, print, keep."""
    parser = options("Load test of a running system, or of one of its own.")
    parser.add_argument("--url", help="base URL of a gateway; default: start a system")
    parser.add_argument("--token", help="client token for it")
    parser.add_argument("--sockets", type=int, default=100)
    parser.add_argument("--rate", type=float, default=10.0, help="messages per second")
    parser.add_argument("--duration", type=float, default=300.0, help="seconds")
    chosen: Any = parser.parse_args()
    if chosen.smoke:
        chosen.sockets, chosen.duration = min(chosen.sockets, 10), min(chosen.duration, 5.0)
    report = Report("load")
    asyncio.run(_whole(chosen, report))
    return report.finish(chosen, ("p50 ms", "p95 ms", "p99 ms"))


if __name__ == "__main__":
    sys.exit(main())
