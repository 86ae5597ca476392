"""Finds an expression in texts; also a program of its own, started for expressions of a model.

Python's engine can take for ever and holds the interpreter meanwhile. As a process it can be ended.
Run as a script it needs nothing but the standard library. It reads one JSON object per line: first
`{"pattern", "case_sensitive"}`, then `{"texts", "room"}`; each is answered by one line.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, BinaryIO, Final

Match = tuple[int, str]
"""Number of a line, from 1, and what to show of it."""
Locate = Callable[[str], int | None]
"""Where in a line is what is looked for."""

SHOWN_CHARS: Final = 400
_BEFORE_CHARS: Final = 100
_SEARCHED_CHARS: Final = 20_000
_CPU_S: Final = 60
_MEMORY_BYTES: Final = 1 << 30


def compiled(pattern: str, *, case_sensitive: bool) -> re.Pattern[str]:
    """The expression. Raises `ValueError` for one that cannot be read."""
    try:
        return re.compile(pattern, re.NOFLAG if case_sensitive else re.IGNORECASE)
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(str(error)) from None


def find(locate: Locate, texts: Sequence[str], room: int) -> list[list[Match]]:
    """Matching lines of each text, at most `room` altogether; long lines are cut."""
    found: list[list[Match]] = []
    for text in texts:
        found.append(list(islice(_lines(locate, text), room)))
        room -= len(found[-1])
    return found


def _lines(locate: Locate, text: str) -> Iterator[Match]:
    """The lines that match, in order."""
    for number, line in enumerate(text.split("\n"), 1):
        at = locate(line[:_SEARCHED_CHARS])
        if at is not None:
            start = max(0, at - _BEFORE_CHARS)
            yield number, line[start : start + SHOWN_CHARS].rstrip("\r")


def locator(expression: re.Pattern[str]) -> Locate:
    """Where an expression matches first."""

    def locate(line: str) -> int | None:
        match = expression.search(line)
        return None if match is None else match.start()

    return locate


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more; a bad expression is the only error."""

    def answer(value: Any) -> None:
        answers.write(json.dumps(value, ensure_ascii=False).encode(errors="replace") + b"\n")
        answers.flush()

    head = json.loads(requests.readline())
    try:
        expression = compiled(head["pattern"], case_sensitive=head["case_sensitive"])
    except ValueError as error:
        answer({"error": str(error)})
        return
    answer({})
    locate = locator(expression)
    for line in requests:
        request = json.loads(line)
        answer(find(locate, request["texts"], request["room"]))


def _limit_self() -> None:
    """End by ourselves if whoever started us is gone."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limits
        import resource  # noqa: PLC0415 -- there is no such module on Windows

        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


if __name__ == "__main__":
    _limit_self()
    serve(sys.stdin.buffer, sys.stdout.buffer)
