"""Unified diffs that fit in one place only: context grows until each old block is unique. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

CONTEXT: Final = 3
MAX_LINE_CHARS: Final = 60_000
MAX_DIFF_CHARS: Final = 400_000
_NO_NEWLINE: Final = "\n\\ No newline at end of file\n"


class UnpatchableError(Exception):
    """A change that no safe patch can say; the text says why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the lines [start, end) of a file, counted from 0; equal ends insert."""

    start: int
    end: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """The diff of one file. `places` are the first old lines of its hunks, counted from 1."""

    path: str
    text: str
    places: tuple[int, ...]


@dataclass(slots=True)
class _Hunk:
    """Edits that share a hunk, and the old lines [start, end) that it shows."""

    edits: list[Edit]
    start: int
    end: int
    context: int


def split_lines(text: str) -> list[str]:
    r"""Lines with their ends; only `\n` ends a line."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + lines[-1:] * bool(lines[-1])


def replacements(text: str, old: str, new: str) -> list[Edit]:
    """The edits that replace every occurrence of `old`, which may span lines."""
    lines = split_lines(text)
    ends = list(accumulate(map(len, lines)))
    ranges: list[tuple[int, int]] = []
    at = text.find(old)
    # Where the last line break goes, the next line joins.
    joins = old.endswith("\n") and not new.endswith("\n")
    while at >= 0:
        first, last = bisect_right(ends, at), bisect_right(ends, at + len(old) - 1)
        if ranges and first < ranges[-1][1]:
            first = ranges.pop()[0]
        ranges.append((first, min(last + 1 + joins, len(lines))))
        at = text.find(old, at + len(old))
    return [_replaced(lines[start:end], start, old, new) for start, end in ranges]


def _replaced(lines: Sequence[str], start: int, old: str, new: str) -> Edit:
    """The edit of some lines that begin at `start`."""
    text = "".join(lines).replace(old, new)
    return Edit(start, start + len(lines), tuple(split_lines(text)))


def apply_edits(lines: Sequence[str], edits: Sequence[Edit]) -> str:
    """The text after some ascending edits."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += [*lines[at : edit.start], *edit.lines]
        at = edit.end
    return "".join([*parts, *lines[at:]])


def file_diff(
    path: str, lines: Sequence[str], edits: Sequence[Edit], *, context: int = CONTEXT
) -> FileDiff:
    """The diff of ascending edits of one file, which has these lines; `context` is at least 1.

    Raises `UnpatchableError` when a line is too long, or when the context that makes every hunk
    unique makes the diff too long.
    """
    hunks = [_Hunk([edit], edit.start, edit.end, context) for edit in edits]
    hunks = _unique(hunks, lines)
    shift, texts = 0, [f"--- a/{path}\n+++ b/{path}\n"]
    for hunk in hunks:
        texts.append(_rendered(hunk, lines, shift))
        shift += sum(len(edit.lines) - (edit.end - edit.start) for edit in hunk.edits)
    text = "".join(texts)
    if len(text) > MAX_DIFF_CHARS:
        raise UnpatchableError("its lines repeat too often to tell one place from another")
    return FileDiff(path, text, tuple(hunk.start + 1 for hunk in hunks))


def _unique(hunks: list[_Hunk], lines: Sequence[str]) -> list[_Hunk]:
    """Hunks with enough context, those that touch joined; the whole file is always unique."""
    places: dict[str, list[int]] = {}
    for at, line in enumerate(lines):
        places.setdefault(line, []).append(at)
    unsure = hunks
    while unsure:
        for hunk in unsure:
            hunk.start = max(0, hunk.edits[0].start - hunk.context)
            hunk.end = min(len(lines), hunk.edits[-1].end + hunk.context)
        hunks = _joined(hunks)
        unsure = [hunk for hunk in hunks if _repeats(hunk, lines, places)]
        for hunk in unsure:
            hunk.context *= 2
    return hunks


def _joined(hunks: list[_Hunk]) -> list[_Hunk]:
    """The same hunks, those that overlap or touch as one."""
    joined: list[_Hunk] = []
    for hunk in hunks:
        if joined and hunk.start <= joined[-1].end:
            before = joined[-1]
            before.edits += hunk.edits
            before.start = min(before.start, hunk.start)
            before.end = max(before.end, hunk.end)
            before.context = max(before.context, hunk.context)
        else:
            joined.append(hunk)
    return joined


def _repeats(hunk: _Hunk, lines: Sequence[str], places: dict[str, list[int]]) -> bool:
    """Whether the old block of a hunk stands in the file a second time."""
    block = lines[hunk.start : hunk.end]
    if len(block) == len(lines):
        return False
    offset, rarest = min(enumerate(block), key=lambda entry: len(places[entry[1]]))
    starts = (at - offset for at in places[rarest] if at >= offset)
    return any(at != hunk.start and lines[at : at + len(block)] == block for at in starts)


def _rendered(hunk: _Hunk, lines: Sequence[str], shift: int) -> str:
    """One hunk; `shift` is how many lines the hunks before it added."""
    body: list[str] = []
    at = hunk.start
    for edit in hunk.edits:
        body += [f" {line}" for line in lines[at : edit.start]]
        body += [f"-{line}" for line in lines[edit.start : edit.end]]
        body += [f"+{line}" for line in edit.lines]
        at = edit.end
    body += [f" {line}" for line in lines[at : hunk.end]]
    if any(len(line) > MAX_LINE_CHARS for line in body):
        raise UnpatchableError("a line near the change is too long")
    removed = hunk.end - hunk.start
    added = removed + sum(len(edit.lines) - (edit.end - edit.start) for edit in hunk.edits)
    old, new = _span(hunk.start, removed), _span(hunk.start + shift, added)
    ended = (line if line.endswith("\n") else line + _NO_NEWLINE for line in body)
    return f"@@ -{old} +{new} @@\n" + "".join(ended)


def _span(start: int, count: int) -> str:
    """A range of a hunk header; an empty one names the line before it (POSIX diff)."""
    return f"{start + 1 if count else start},{count}"
