"""The lines of one unified hunk: where they end, and what each of them says. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from codelab_core.patch.failures import syntax
from codelab_core.patch.headers import GIT_HEADER, at_names
from codelab_core.patch.model import BARE, TERMINATED, Hunk, Kind, Line
from codelab_core.patch.names import DEV_NULL, unquote, without_prefixes
from codelab_core.patch.reader import Reader
from codelab_core.patch.text import BOM

_NO_NEWLINE: Final = "\\ "
_KINDS: Final[dict[str, Kind]] = {" ": " ", "-": "-", "+": "+", "": " "}
_VERSION: Final = re.compile(r"\d+\.\d+.*")


def read_rows(reader: Reader, counts: tuple[int, int] | None) -> list[str]:
    """Take the rows of a hunk, prefixes and CRs kept; an empty row is a blank line of context.

    Counts of old and new lines are believed where they are exactly right. Raises `PATCH_INVALID`
    syntax for a row without prefix: dropping it would be dropping context.
    """
    length = None if counts is None else _counted(reader, *counts)
    return reader.take(_measured(reader) if length is None else length)


def _counted(reader: Reader, old: int, new: int) -> int | None:
    """How many rows the counts span; `None` when they do not end where a hunk can end."""
    length = 0
    while old > 0 or new > 0:
        row = reader.peek(length)
        kind = _KINDS.get(row[:1]) if row is not None and not _boundary(reader, length) else None
        if kind is not None:
            old, new = old - (kind != "+"), new - (kind != "-")
        elif not reader.starts(_NO_NEWLINE, length):
            return None
        length += 1
    length += reader.starts(_NO_NEWLINE, length)
    after = length
    while reader.peek(after) == "":
        after += 1
    ended = _boundary(reader, after) or (reader.peek(after) or "")[:1] not in {"+", "-", " ", "\\"}
    return length if ended and old == new == 0 else None


def _measured(reader: Reader) -> int:
    """How many rows there are up to something else, less blank ones that only set it apart."""
    length = 0
    while not _boundary(reader, length):
        row = reader.peek(length) or ""
        if row[:1] not in _KINDS and not row.startswith(_NO_NEWLINE):
            if length and reader.peek(length - 1) == "" and not reader.fenced:
                break
            raise syntax(reader.number + length, "it lacks a prefix: space, + or -.")
        length += 1
    while length and reader.peek(length - 1) == "":
        length -= 1
    return length


def _boundary(reader: Reader, offset: int) -> bool:
    """Whether the line there cannot belong to the hunk before it."""
    line = reader.peek(offset)
    if line is None or line.startswith(("@@", GIT_HEADER)) or reader.closes_fence(line):
        return True
    if not line.startswith("--"):
        return False
    if at_signature(reader, offset):
        return True
    return at_names(reader, offset) and reader.starts("@@", offset + 2) and _named(reader, offset)


def at_signature(reader: Reader, offset: int = 0) -> bool:
    """Whether `git format-patch` ends its mail there."""
    version = reader.peek(offset + 1) or ""
    return reader.peek(offset) == "-- " and _VERSION.fullmatch(version) is not None


def _named(reader: Reader, offset: int) -> bool:
    """Whether two lines name a file, rather than take `-- x` out and put `++ y` in."""
    try:
        old, new = (unquote((reader.peek(offset + step) or "")[4:]) for step in (0, 1))
    except ValueError:
        return False
    plain = without_prefixes(old, new)
    return plain[0] == plain[1] or DEV_NULL in plain


def build_hunk(rows: Sequence[str], number: int, *, ends_told: bool) -> Hunk:
    """The hunk of rows whose first one is line `number` of the patch.

    With `ends_told` the rows show LF and CRLF as they are. Raises `PATCH_INVALID` syntax.
    """
    lines: list[Line] = []
    for offset, row in enumerate(rows):
        if row.startswith(_NO_NEWLINE):
            if not lines:
                raise syntax(number + offset, "there is no line before this one.")
            lines[-1] = lines[-1]._replace(end=BARE)
        else:
            text = row.removesuffix("\r")
            end = ("\n" if text == row else "\r\n") if ends_told else None
            lines.append(Line(_KINDS[text[:1]], text[1:], end))
    at_end = any(line.end == BARE and line.kind != "+" for line in lines)
    return _lift_bom(_terminated(lines), at_end=at_end)


def _terminated(lines: list[Line]) -> list[Line]:
    """Where only one side lacks its last newline, the other side is known to have it."""
    last = {
        side: max((i for i, line in enumerate(lines) if line.kind in f" {side}"), default=-1)
        for side in "-+"
    }
    if any(line.end == BARE for line in lines):
        for at in last.values():
            if at >= 0 and lines[at].end is None:
                lines[at] = lines[at]._replace(end=TERMINATED)
    return lines


def _lift_bom(lines: list[Line], *, at_end: bool) -> Hunk:
    """The hunk, with a BOM on its first lines turned from a character into a fact."""
    first = {
        side: next((i for i, line in enumerate(lines) if line.kind in f" {side}"), None)
        for side in "-+"
    }
    marked = {s: at for s, at in first.items() if at is not None and lines[at].text[:1] == BOM}
    for at in set(marked.values()):
        lines[at] = lines[at]._replace(text=lines[at].text[1:])
    # To git a file of nothing but a BOM has one line without newline; here it has none.
    nothing = {at for at in marked.values() if lines[at][1:] == ("", BARE)}
    lines = [line for at, line in enumerate(lines) if at not in nothing]
    bom = None if len(marked) != 1 else "+" in marked
    return Hunk(tuple(lines), at_start=bool(marked), at_end=at_end, bom=bom)
