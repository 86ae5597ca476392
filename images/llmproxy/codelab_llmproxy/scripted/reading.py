"""Reads whole files by `read_file`, whatever pieces the results come in. Pure.

The model may be shown less than a tool sent: a result with fewer or more lines than it names was
cut on the way, and its lines are asked for again in smaller ranges.
"""

import hashlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import Any, Final

from codelab_llmproxy.scripted.answer import ToolUse, say
from codelab_llmproxy.scripted.conversation import Outcome
from codelab_llmproxy.scripted.diffs import split_lines
from codelab_llmproxy.scripted.toolbox import MAX_PARALLEL, Calling

SAFE_CHARS: Final = 32_000
"""A range of this size is shown whole."""
FIRST_SPAN: Final = 200
"""Lines of the first range where nothing is known of the file."""
MAX_READS: Final = 2_000
"""Calls for one file; enough for 32 MiB."""


class Reading:
    """One file on its way: what is known of it, and what to ask for next."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines: list[str] = []
        self.problem = ""
        """Why the file cannot be read; empty while all is well."""
        self.whole = False
        self._span: int | None = None
        self._sha = ""
        self._reads = 0

    @property
    def text(self) -> str:
        """The content so far."""
        return "".join(self.lines)

    @property
    def wanted(self) -> bool:
        """Whether another call is needed."""
        return not (self.whole or self.problem)

    def next_call(self) -> ToolUse:
        """The call that goes on."""
        if self._span is None:
            return ToolUse("read_file", {"path": self.path})
        first = len(self.lines) + 1
        span = {"start_line": first, "end_line": first + self._span - 1}
        return ToolUse("read_file", {"path": self.path} | span)

    def add(self, outcome: Outcome) -> None:
        """Take the outcome of the last call."""
        self._reads += 1
        if outcome.failed:
            self.problem = outcome.explained()
        elif self._reads > MAX_READS:
            self.problem = "it takes too many reads"
        elif self._is_new_version(outcome.value):
            self.problem = "it changed while it was read"
        else:
            self._extend(outcome.value)

    def _is_new_version(self, value: Mapping[str, Any]) -> bool:
        """Whether the file is not the one that the earlier pieces came from."""
        before, self._sha = self._sha, str(value.get("sha256", ""))
        return bool(before) and before != self._sha

    def _extend(self, value: Mapping[str, Any]) -> None:
        """Add the lines of a result that is what it says, else ask for fewer."""
        lines = split_lines(str(value.get("content", "")))
        last, total = value.get("end_line"), value.get("total_lines")
        if not isinstance(last, int) or not isinstance(total, int):
            self._take_unnumbered(lines, value)
        elif len(lines) != last - len(self.lines):
            self._shrink(value, total)
        elif not self._is_whole_line(lines, value):
            self.problem = "one of its lines is too long"
        else:
            self.lines += lines
            self.whole = len(self.lines) >= total
            if self.whole and self._is_altered(value):
                self._start_over(value, total)
            self._span = self._span or max(1, len(lines))

    def _take_unnumbered(self, lines: list[str], value: Mapping[str, Any]) -> None:
        """Take a result without line numbers: whole from a simple client, else cut on the way."""
        if value.get("success") is True and self._span is None:
            self.lines, self.whole = lines, True
        else:
            self._shrink(value, FIRST_SPAN)

    def _shrink(self, value: Mapping[str, Any], lines: int) -> None:
        """Ask for half of what was asked for, at first for what is safe to show."""
        if self._span == 1 or not lines:
            self.problem = "it cannot be shown whole"
        elif self._span:
            self._span //= 2
        else:
            size = value.get("size") or SAFE_CHARS * lines // FIRST_SPAN
            self._span = max(1, min(lines, SAFE_CHARS * lines // max(1, int(size))))

    def _is_altered(self, value: Mapping[str, Any]) -> bool:
        """Whether the lines are not the file: a long line may be cut without one missing."""
        content, size = self.text.encode(), value.get("size")
        # Line ends and a byte order mark may be shown otherwise than they are.
        unseen = content.count(b"\n") + len(BOM_UTF8)
        if isinstance(size, int) and not len(content) <= size <= len(content) + unseen:
            return True
        is_plain = value.get("eol") in {"lf", "none"} and not value.get("bom")
        return is_plain and hashlib.sha256(content).hexdigest() != self._sha

    def _start_over(self, value: Mapping[str, Any], total: int) -> None:
        """Read in safe ranges what was not shown as it is; once."""
        if self._span is None:
            self.lines, self.whole = [], False
            self._shrink(value, total)
        else:
            self.whole = False
            self.problem = "it cannot be shown whole"

    def _is_whole_line(self, lines: Sequence[str], value: Mapping[str, Any]) -> bool:
        """Whether the last line is there to its end, and there is one where one was asked for."""
        last, total = value["end_line"], value["total_lines"]
        if not lines:
            return bool(total == 0)
        if last < total:
            return lines[-1].endswith("\n")
        return not (value.get("truncated") and len(lines) == 1)


def read_files(paths: Sequence[str], opening: str) -> Calling:
    """Read some files, at most 8 calls in one answer; returns a `Reading` of each, in order.

    `opening` is said with the first calls.
    """
    readings = [Reading(path) for path in paths]
    while wanted := [reading for reading in readings if reading.wanted][:MAX_PARALLEL]:
        outcomes = yield say(opening, *(reading.next_call() for reading in wanted))
        opening = ""
        for reading, outcome in zip(wanted, outcomes, strict=True):
            reading.add(outcome)
    return readings


def in_batches(uses: Sequence[ToolUse], opening: str) -> Calling:
    """Make some calls, at most 8 in one answer; returns their outcomes, in order."""
    outcomes: list[Outcome] = []
    for batch in batches(uses):
        outcomes += yield say(opening, *batch)
        opening = ""
    return outcomes


def batches(uses: Sequence[ToolUse]) -> Iterator[tuple[ToolUse, ...]]:
    """Groups that may go into one answer."""
    return batched(uses, MAX_PARALLEL)
