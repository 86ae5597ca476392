"""Two ways to find text: plain words in a thread, an expression in a process with a bound."""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from codelab_client import search_worker
from codelab_client.failures import invalid_arguments
from codelab_client.processes import Command, started
from codelab_client.search_worker import Match
from codelab_client.threads import run_in_thread
from codelab_core.tool_errors import ToolCode, ToolError

EXPRESSION_S: Final = 5.0
"""Longest time for one batch of texts."""


class Finder(Protocol):
    """Finds lines in texts."""

    async def find(self, texts: Sequence[str], room: int) -> list[list[Match]]:
        """Matching lines of each text, at most `room` altogether."""


class PlainFinder:
    """Finds a text as it is written; takes time in proportion to what is searched."""

    def __init__(self, query: str, *, case_sensitive: bool) -> None:
        self._fold: Callable[[str], str] = str if case_sensitive else str.casefold
        self._query = self._fold(query)

    async def find(self, texts: Sequence[str], room: int) -> list[list[Match]]:
        return await run_in_thread(self._find, texts, room)

    def _find(self, texts: Sequence[str], room: int) -> list[list[Match]]:
        """Split only those texts into lines that have a match."""
        hits = [text if self._query in self._fold(text) else "" for text in texts]
        return search_worker.find(self._locate, hits, room)

    def _locate(self, line: str) -> int | None:
        """Where the query stands in a line; a little off where folding makes text longer."""
        at = self._fold(line).find(self._query)
        return None if at < 0 else at


class ExpressionFinder:
    """Finds a regular expression with the help of a process that is running."""

    def __init__(self, process: Process, timeout_s: float) -> None:
        self._process = process
        self._timeout_s = timeout_s

    async def find(self, texts: Sequence[str], room: int) -> list[list[Match]]:
        request = await run_in_thread(json.dumps, {"texts": texts, "room": room})
        found = await self.ask(request)
        return [[(number, text) for number, text in matches] for matches in found]

    async def ask(self, request: str) -> Any:
        """Send one line, read one. Raises `TOOL_FAILED` when that takes too long."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise _gone()
        try:
            async with asyncio.timeout(self._timeout_s):
                stdin.write(request.encode() + b"\n")
                await stdin.drain()
                answer = await stdout.readline()
        except TimeoutError as error:
            message = f"The expression was not done in {self._timeout_s:g} s; make it simpler."
            raise ToolError(ToolCode.TOOL_FAILED, message) from error
        except OSError as error:
            raise _gone() from error
        if not answer:
            raise _gone()
        return json.loads(answer)


@asynccontextmanager
async def expression_finder(
    query: str, *, case_sensitive: bool, timeout_s: float = EXPRESSION_S
) -> AsyncIterator[ExpressionFinder]:
    """A finder for a regular expression of Python. Raises `INVALID_ARGUMENTS` for a bad one."""
    program = Path(search_worker.__file__)
    command = Command([sys.executable, "-I", "-S", str(program)], program.parent, {})
    async with started(command, stdin=True) as process:
        finder = ExpressionFinder(process, timeout_s)
        head = await finder.ask(json.dumps({"pattern": query, "case_sensitive": case_sensitive}))
        if "error" in head:
            fault = {"loc": "query", "msg": head["error"]}
            raise invalid_arguments("The expression cannot be read.", fault)
        yield finder


def _gone() -> ToolError:
    """The process died: out of memory, most likely."""
    message = "The expression needs more memory than there is for it; make it simpler."
    return ToolError(ToolCode.TOOL_FAILED, message)
