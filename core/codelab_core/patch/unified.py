"""Unified and git diffs to files and hunks; what models damage in headers is not needed. Pure.

Line numbers and counts are read for two things only, neither of which is a place: counts that are
exactly right tell where a hunk ends, and falling numbers tell that hunks are out of order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from codelab_core.patch.bodies import at_signature, build_hunk, read_rows
from codelab_core.patch.failures import invalid, syntax
from codelab_core.patch.headers import Header, at_header, read_header
from codelab_core.patch.model import FilePatch, Hunk
from codelab_core.patch.reader import Reader

_NUMBERS: Final = re.compile(
    r"@@ *-(\d{1,9})(?:,(\d{1,9}))? +\+(\d{1,9})(?:,(\d{1,9}))? *@@(.*)", re.DOTALL
)
_NO_ANCHOR: Final = re.compile(r"[-+,.…\d\s]*")
_UNSUPPORTED: Final = ("GIT binary patch", "Binary files ", "diff --cc ", "diff --combined ", "@@@")


@dataclass(frozen=True, slots=True)
class Rows:
    """A hunk as it stands: `start` is the old line number, -1 where none was given."""

    rows: Sequence[str]
    number: int
    anchor: str | None
    start: int


def parse_unified(text: str) -> list[FilePatch]:
    """The files of a diff in the order of the text, which may have fences and prose around it.

    Raises `ToolError`: `PATCH_INVALID` (syntax, unsupported), `INVALID_PATH`.
    """
    reader = Reader(text)
    files: list[FilePatch] = []
    open_ended = False
    while reader.peek() is not None:
        if at_header(reader):
            files.append(_read_file(reader))
            open_ended = True
        else:
            _refuse_lost(reader, open_ended=open_ended)
            fenced = reader.fenced
            reader.take_prose()
            open_ended = open_ended and not (fenced and not reader.fenced)
    return files


def _refuse_lost(reader: Reader, *, open_ended: bool) -> None:
    """Raise for a line outside of all hunks that must not be dropped as prose."""
    line = reader.peek() or ""
    if line.startswith(_UNSUPPORTED):
        message = "Binary and combined diffs are not supported."
        raise invalid("unsupported", message, line=reader.number)
    if line.startswith("@@"):
        raise syntax(reader.number, "a hunk without a file header (--- and +++) before it.")
    if open_ended and line[:1] in {"+", "-", " "} and not at_signature(reader):
        raise syntax(reader.number, "a line of a hunk after text that belongs to none.")


def _read_file(reader: Reader) -> FilePatch:
    """One file: its head and the hunks that follow."""
    header = read_header(reader)
    hunks: list[Rows] = []
    while True:
        _skip_blank(reader)
        if reader.starts("@@") and not reader.starts("@@@"):
            hunks.append(_read_hunk(reader))
        elif not hunks and (reader.peek() or "")[:1] in {"+", "-", " "} and not at_header(reader):
            number = reader.number
            hunks.append(Rows(read_rows(reader, None), number, None, -1))
        else:
            return _with_hunks(header, hunks)


def _skip_blank(reader: Reader) -> None:
    """Go to the next line that is not empty."""
    while reader.peek() == "":
        reader.take()


def _read_hunk(reader: Reader) -> Rows:
    """The hunk whose `@@` line comes next."""
    head = reader.take()[0].rstrip("\r")
    numbers = _NUMBERS.fullmatch(head)
    number = reader.number
    if numbers is None:
        return Rows(read_rows(reader, None), number, _anchor(head.strip("@")), -1)
    counts = int(numbers[2] or 1), int(numbers[4] or 1)
    return Rows(read_rows(reader, counts), number, _anchor(numbers[5]), int(numbers[1]))


def _anchor(heading: str) -> str | None:
    """The enclosing line that a `@@` line names; `None` for none, and for numbers and dots."""
    return None if _NO_ANCHOR.fullmatch(heading) else heading.strip()


def _with_hunks(header: Header, hunks: Sequence[Rows]) -> FilePatch:
    """The file with its hunks; line ends count only where LF and CRLF are told apart."""
    told = not header.crlf and any(row.endswith("\r") for hunk in hunks for row in hunk.rows)
    file = header.file
    starts = [hunk.start for hunk in hunks if hunk.start >= 0]
    built = tuple(_built(hunk, file, ends_told=told) for hunk in hunks)
    return replace(file, hunks=built, ascending=starts == sorted(starts))


def _built(hunk: Rows, file: FilePatch, *, ends_told: bool) -> Hunk:
    """The hunk of the rows; a new file has nothing but added lines."""
    built = build_hunk(hunk.rows, hunk.number, ends_told=ends_told)
    if file.operation == "create":
        wrong = next((i for i, line in enumerate(built.lines) if line.kind != "+"), None)
        if wrong is not None:
            raise syntax(hunk.number + wrong, "a new file can only have lines with +.")
        return built
    return replace(built, anchors=() if hunk.anchor is None else (hunk.anchor,))
