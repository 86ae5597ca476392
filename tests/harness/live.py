"""Sessions that stream while something happens to the platform, and what each of them saw."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from codelab_client.approvals import FixedAnswers
from codelab_client.opening import Where, opened_session
from codelab_client.places import Gateway
from codelab_client.transcript import Transcript
from codelab_core.clock import SYSTEM_CLOCK

BEFORE, AFTER = "one old line\n", "one new line\n"
SETTLED = 5
"""Tokens that every session must have seen before anything happens."""


@dataclass(frozen=True, slots=True)
class Load:
    """How many sessions, and what each asks for; with `edits`, a file is changed afterwards.

    Where the store `may_lose` the end of a log, a client may be told the whole session anew.
    """

    sessions: int
    tokens: int
    per_second: int
    edits: bool = False
    limit_s: float = 120.0
    may_lose: bool = False

    @property
    def task(self) -> str:
        """What a person writes."""
        words = f"write {self.tokens} tokens at {self.per_second} per second"
        return f'{words} then replace "old" with "new" in notes.txt' if self.edits else words

    @property
    def words(self) -> list[str]:
        """The answer to expect."""
        return [f"t{number:05}" for number in range(1, self.tokens + 1)]


@dataclass(slots=True)
class Seen:
    """A screen that remembers what came, and when."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    transcript: Transcript = field(default_factory=Transcript)
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, frame: Any) -> None:
        """Take one frame."""
        self.frames.append(dict(frame))
        self.transcript.take(frame)
        if frame["type"] == "assistant_message":
            self.times.append(SYSTEM_CLOCK.monotonic())
        if len(self.times) >= SETTLED or frame["type"] == "turn_completed":
            self.settled.set()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The frames of one type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    def words(self) -> list[str]:
        """The numbered words that stand in the transcript, in order."""
        text = "".join(self.transcript.text(message_id) for message_id in self.transcript.texts)
        return [word for word in text.split() if word.startswith("t0")]

    def stalls_s(self) -> list[float]:
        """Times between two tokens."""
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


def faults(seen: Seen, load: Load, workspace: Path) -> list[str]:
    """Everything that is not as if nothing had happened."""
    found = []
    if seen.words() != load.words:
        found.append(f"{len(seen.words())} words instead of {load.tokens}, or in another order")
    ends = [(frame["reason"], frame.get("error")) for frame in seen.of("turn_completed")]
    if ends != [("completed", None)]:
        found.append(f"turns ended: {ends}")
    if (finals := sum(frame["is_final"] for frame in seen.of("assistant_message"))) != 1:
        found.append(f"{finals} final frames")
    called = [frame["call_id"] for frame in seen.of("tool_call") if frame["tool_name"] != "x"]
    if load.edits and (workspace / "notes.txt").read_text() != AFTER:
        found.append("the file was not changed once")
    if len(set(called)) != len(called):
        found.append("a call was told twice")
    anew = [reason for frame in seen.of("resync") if (reason := frame["reason"]) != "first_attach"]
    if anew and not load.may_lose:
        found.append(f"the session was told anew: {anew}")
    return found


async def under_load(
    gateway: Gateway, folder: Path, load: Load, deed: Callable[[], Awaitable[object]]
) -> tuple[list[str], list[float]]:
    """Run all sessions, do the deed once all of them stream; faults, and times between tokens."""
    seen = [Seen() for _ in range(load.sessions)]
    with anyio.fail_after(load.limit_s):
        async with asyncio.TaskGroup() as tasks:
            for number, screen in enumerate(seen):
                tasks.create_task(_talk(gateway, folder / f"s{number}", load, screen))
            for screen in seen:
                await screen.settled.wait()
            await deed()
    found = [
        f"session {number}: {fault}"
        for number, screen in enumerate(seen)
        for fault in faults(screen, load, folder / f"s{number}/workspace")
    ]
    return found, [gap for screen in seen for gap in screen.stalls_s()]


async def _talk(gateway: Gateway, folder: Path, load: Load, screen: Seen) -> None:
    """One session with one turn."""
    workspace = folder / "workspace"
    workspace.mkdir(parents=True)
    (workspace / "notes.txt").write_text(BEFORE)
    where, all_of_it = Where(folder / "state", workspace), FixedAnswers.parse("all")
    async with opened_session(where, gateway, all_of_it, screen) as session:
        await session.ask(load.task)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]
