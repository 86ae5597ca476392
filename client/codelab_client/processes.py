"""Child processes: no shell, no terminal, no environment but the one given, always ended.

The only module that starts any.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CHUNK_BYTES: Final = 1 << 16
_ERROR_BYTES: Final = 8_192

Sink = Callable[[bytes], bool]
"""Takes the next bytes of an output; false when it wants no more."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to start: an absolute program with its arguments, where, and with which variables."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended; `errors` is the start of what it wrote there.

    `stopped`: we ended it because enough output was read.
    """

    exit_code: int
    errors: str
    stopped: bool


@asynccontextmanager
async def started(command: Command, *, stdin: bool = False) -> AsyncIterator[Process]:
    """A running process; at the end of the block it and its children are killed.

    Raises `OSError` when it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command.arguments,
        stdin=PIPE if stdin else DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        cwd=command.folder,
        env=command.environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            _kill(process)
        await process.wait()


async def run(command: Command, sink: Sink) -> Ended:
    """Run to the end, or until `sink` has enough. The caller sets the deadline."""
    async with started(command) as process:
        errors: list[bytes] = []
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_drain(process.stderr, errors))
            stopped = not await _feed(process.stdout, sink)
            if stopped:
                _kill(process)
        code = await process.wait()
    return Ended(code, b"".join(errors).decode(errors="replace"), stopped)


async def _feed(stream: asyncio.StreamReader | None, sink: Sink) -> bool:
    """Whether the output was taken to its end."""
    while stream is not None and (chunk := await stream.read(_CHUNK_BYTES)):
        if not sink(chunk):
            return False
    return True


async def _drain(stream: asyncio.StreamReader | None, kept: list[bytes]) -> None:
    """Read everything, so that the process never waits for us; keep the start."""
    room = _ERROR_BYTES
    while stream is not None and (chunk := await stream.read(_CHUNK_BYTES)):
        kept.append(chunk[:room])
        room -= len(kept[-1])


def _kill(process: Process) -> None:
    """End a process and all that it started, at once."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
