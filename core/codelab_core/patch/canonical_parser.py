"""Reads canonical diffs: exact counts, exact lines, no leniency at all. Pure."""

import re
from typing import Final

from codelab_core.patch.canonical import CanonicalFile, CanonicalHunk
from codelab_core.patch.failures import check_utf8, syntax
from codelab_core.patch.headers import GIT_HEADER, read_header
from codelab_core.patch.model import FilePatch
from codelab_core.patch.reader import Reader

_HEAD: Final = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")


def parse_canonical(diff: str) -> tuple[CanonicalFile, ...]:
    """The files of a canonical diff; rendered, they are the diff again.

    Raises `ToolError`: `PATCH_INVALID` syntax for any other text, `INVALID_PATH`.
    """
    check_utf8(diff)
    reader = Reader(diff)
    files: list[CanonicalFile] = []
    seen: set[str] = set()
    while reader.peek() is not None:
        number = reader.number
        if not reader.starts(GIT_HEADER):
            raise syntax(number, "no file begins here.")
        file = read_header(reader).file
        if not seen.isdisjoint(file.paths):
            raise syntax(number, "the path was named before.")
        seen.update(file.paths)
        files.append(_with_hunks(file, _read_hunks(reader)))
    return tuple(files)


def _with_hunks(file: FilePatch, hunks: tuple[CanonicalHunk, ...]) -> CanonicalFile:
    """The file with its modes: a kept one has its mode named only where that changes."""
    new = bool(file.executable)
    old = new if file.executable is None or file.operation == "delete" else not new
    return CanonicalFile(
        operation=file.operation,
        path=file.path,
        old_path=file.old_path,
        old_executable=None if file.operation == "create" else old,
        executable=None if file.operation == "delete" else new,
        hunks=hunks,
    )


def _read_hunks(reader: Reader) -> tuple[CanonicalHunk, ...]:
    """The hunks of one file, which stand in order and apart."""
    hunks: list[CanonicalHunk] = []
    end = 0
    while reader.starts("@@"):
        number = reader.number
        hunk = _read_hunk(reader)
        if hunk.start < end:
            raise syntax(number, "hunks overlap or are out of order.")
        end = hunk.start + len(hunk.old)
        hunks.append(hunk)
    return tuple(hunks)


def _read_hunk(reader: Reader) -> CanonicalHunk:
    """The hunk that begins here, as long as its head says."""
    head = _HEAD.fullmatch(reader.take()[0])
    if head is None:
        raise syntax(reader.number - 1, "the head of the hunk cannot be read.")
    old, new = int(head[2] or 1), int(head[4] or 1)
    rows: list[str] = []
    start, new_start = int(head[1]) - bool(old), int(head[3]) - bool(new)
    while old > 0 or new > 0:
        if (reader.peek() or "X")[0] not in " +-":
            raise syntax(reader.number, "the hunk is shorter than its head says.")
        row = reader.take()[0]
        old, new = old - (row[0] != "+"), new - (row[0] != "-")
        bare = reader.starts("\\ ")
        rows.append(row if bare else row + "\n")
        reader.take(bare)
    if old or new or start < 0 or new_start < 0:
        raise syntax(reader.number, "the hunk is not what its head says.")
    return CanonicalHunk(start, new_start, tuple(rows))
