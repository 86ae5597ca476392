"""Git as a reader of the workspace: nothing that a repository configures is ever executed.

Repositories come from strangers; their `.git/config` can name programs for diffs, filters, hooks,
file watching and fetching. Each of these is switched off here, in one place.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from codelab_client.processes import Command, Ended, Sink, run
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import GIT_TIMEOUT_S

_STDERR_CHARS: Final = 2_000
_READ_BYTES: Final = 1 << 20
_NOT_FOUND: Final = 127
_OPTIONS: Final = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.quotepath=off"),
    # `git diff` would take the lock of the index to note new times of files.
    *("-c", "diff.autoRefreshIndex=false"),
)
_ENVIRONMENT: Final = {
    "LC_ALL": "C.UTF-8",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # A partial clone fetches missing objects by a program that its config names.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}
_LIST_FILTERS: Final = (
    *("config", "--show-scope", "--includes", "-z"),
    *("--name-only", "--get-regexp", r"^filter\."),
)
_OWN_SCOPES: Final = frozenset({"local", "worktree"})


class Git:
    """Runs git in one folder, `timeout_s` at most each time."""

    def __init__(self, folder: Path, *, timeout_s: float = GIT_TIMEOUT_S) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._path = os.pathsep.join(_trusted_path(folder))

    async def read(self, *arguments: str, limit: int = _READ_BYTES) -> bytes | None:
        """All output of a command that reads no content; `None` when it is above `limit` bytes.

        Raises `ToolError`: `GIT_NOT_INITIALIZED`, `GIT_ERROR`, `TOOL_TIMEOUT`.
        """
        output = bytearray()

        def keep(chunk: bytes) -> bool:
            output.extend(chunk)
            return len(output) <= limit

        return bytes(output) if await self.feed(arguments, keep, {}) else None

    async def feed(
        self, arguments: Sequence[str], sink: Sink, variables: Mapping[str, str]
    ) -> bool:
        """Give the output of a command to `sink`; whether it wanted all. Raises as `read`.

        A command that reads content needs the `variables` of `without_filters`.
        """
        ended = await self._run(arguments, sink, variables)
        if not ended.stopped and ended.exit_code != 0:
            raise _failed(ended)
        return not ended.stopped

    async def has_repository(self) -> bool:
        """Whether the folder is in a working tree. Raises `GIT_ERROR` when git itself fails."""
        try:
            answer = await self.read("rev-parse", "--is-inside-work-tree")
        except ToolError as error:
            if error.code is ToolCode.GIT_NOT_INITIALIZED:
                return False
            raise
        return answer == b"true\n"

    async def without_filters(self) -> dict[str, str]:
        """Variables that empty the content filters which the repository itself defines.

        Those of the person's own configuration, such as git-lfs, stay. Given as variables because
        the name of a filter may hold `=`, at which `-c` would cut it.
        """
        output = bytearray()

        def keep(chunk: bytes) -> bool:
            output.extend(chunk)
            return len(output) <= _READ_BYTES

        ended = await self._run(_LIST_FILTERS, keep, {})
        if ended.stopped:
            raise ToolError(ToolCode.GIT_ERROR, "The configuration of git is too large.")
        return _emptied(output.decode(errors="surrogateescape").split("\0"))

    async def _run(self, arguments: Sequence[str], sink: Sink, more: Mapping[str, str]) -> Ended:
        """Start git and wait for its end."""
        program = shutil.which("git", path=self._path)
        if program is None:
            raise _failed(Ended(_NOT_FOUND, "git was not found on this machine", stopped=False))
        environment = {"PATH": self._path, "HOME": str(Path.home()), **_ENVIRONMENT, **more}
        command = Command([program, *_OPTIONS, *arguments], self._folder, environment)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await run(command, sink)
        except TimeoutError as error:
            limit_ms = round(self._timeout_s * 1000)
            message = f"git did not end within {limit_ms} ms."
            raise ToolError(ToolCode.TOOL_TIMEOUT, message, timeout_ms=limit_ms) from error


def _trusted_path(folder: Path) -> list[str]:
    """Where programs are looked for: never in the workspace, whatever the person's path says."""
    entries = map(Path, os.get_exec_path())
    return [str(entry) for entry in entries if entry.is_absolute() and folder not in _ways(entry)]


def _ways(folder: Path) -> set[Path]:
    """A folder and those above it, by its name and by its real path."""
    real = folder.resolve()
    return {folder, *folder.parents, real, *real.parents}


def _emptied(fields: Sequence[str]) -> dict[str, str]:
    """Settings that empty each filter of the repository; `fields` alternate scope and name."""
    pairs = zip(fields[::2], fields[1::2], strict=False)
    drivers = sorted({name.rpartition(".")[0] for scope, name in pairs if scope in _OWN_SCOPES})
    keys = (("clean", ""), ("process", ""), ("required", "false"))
    settings = [(f"{driver}.{key}", value) for driver in drivers for key, value in keys]
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def _failed(ended: Ended) -> ToolError:
    """Why git refused."""
    if "not a git repository" in ended.errors:
        message = "The workspace is not in a git repository."
        return ToolError(ToolCode.GIT_NOT_INITIALIZED, message)
    stderr = ended.errors.strip()[:_STDERR_CHARS]
    message = stderr.partition("\n")[0] or f"git ended with {ended.exit_code}."
    return ToolError(ToolCode.GIT_ERROR, message, exit_code=ended.exit_code, stderr=stderr)
