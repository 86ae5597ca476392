"""A range of lines of a text file, cut from its bytes. Pure.

Works in steps of a mebibyte at most, because the socket's thread waits while one step runs; a file
of 32 MiB is never split into lines as a whole.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from codelab_core.patch.text import Eol
from codelab_core.tool_errors import ToolCode, ToolError

_BOM: Final = b"\xef\xbb\xbf"
_STEP: Final = 1 << 20
_COUNT_STEP: Final = 1 << 16
_CONTINUATION: Final = range(0x80, 0xC0)
"""Bytes of UTF-8 that are not the first of their character (RFC 3629)."""
_LONGEST_CHARACTER: Final = 4


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines `start_line` to `end_line` of `total_lines`; 1 to 0 of an empty file.

    `content` keeps the line ends and has no BOM. `truncated`: it ends before the last line that was
    asked for, or within it when that line alone is too long.
    """

    content: str
    start_line: int
    end_line: int
    total_lines: int
    truncated: bool
    eol: Eol
    bom: bool


def excerpt(content: bytes, start_line: int, end_line: int | None, limit: int) -> Excerpt:
    """At most `limit` bytes of the lines from `start_line` to `end_line`, both included.

    Lines end as `TextFile` has them: at LF, or at CR where there is no LF; `None` is the last one.
    Raises `ToolError`: `BINARY_FILE` {size}, `ENCODING_ERROR` {offset}, `INVALID_RANGE`
    {total_lines}.
    """
    _check_text(content)
    first = len(_BOM) if content.startswith(_BOM) else 0
    counts = _line_ends(content)
    end = b"\r" if counts["cr"] and not counts["lf"] + counts["crlf"] else b"\n"
    ends = counts["cr"] if end == b"\r" else counts["lf"] + counts["crlf"]
    total = ends + (len(content) > first and not content.endswith(end))
    last = min(end_line or total, total)
    if start_line > max(total, 1) or (end_line is not None and end_line < start_line):
        message = f"There is no such range: the file has {total} lines."
        raise ToolError(ToolCode.INVALID_RANGE, message, total_lines=total)
    start = max(_after(content, end, start_line - 1), first)
    stop = len(content) if last == total else _after(content, end, last)
    cut = _cut(content, end, start, start + limit) if stop - start > limit else stop
    shown = content[start:cut]
    lines = shown.count(end) + (bool(shown) and not shown.endswith(end))
    end_of_shown = start_line + lines - 1
    eol, bom = _eol(counts), bool(first)
    return Excerpt(shown.decode(), start_line, end_of_shown, total, cut < stop, eol, bom)


def character_spans(encoded: bytes, size: int) -> Iterator[slice]:
    """Slices of UTF-8 in order, `size` bytes at most, none of which cuts a character apart."""
    start = 0
    while start < len(encoded):
        end = _character_border(encoded, start + size)
        yield slice(start, end)
        start = end


def _character_border(encoded: bytes, end: int) -> int:
    """The last place at or before `end` that is not within a character."""
    if end >= len(encoded):
        return len(encoded)
    return next(
        (at for at in range(end, end - _LONGEST_CHARACTER, -1) if encoded[at] not in _CONTINUATION),
        end,  # not UTF-8 at all
    )


def _check_text(content: bytes) -> None:
    """Raise unless the bytes are UTF-8 without NUL."""
    if b"\0" in content:
        message = "The file is binary: it has NUL bytes."
        raise ToolError(ToolCode.BINARY_FILE, message, size=len(content))
    for span in character_spans(content, _STEP):
        try:
            content[span].decode()
        except UnicodeDecodeError as error:
            offset = span.start + error.start
            message = f"The file is not UTF-8: byte {offset} fits no character."
            raise ToolError(ToolCode.ENCODING_ERROR, message, offset=offset) from None


def _after(content: bytes, end: bytes, lines: int) -> int:
    """Where the line after the first `lines` ones starts."""
    at = 0
    while (count := content.count(end, at, at + _COUNT_STEP)) < lines:
        lines -= count
        at += _COUNT_STEP
    for _ in range(lines):
        at = content.index(end, at) + 1
    return at


def _cut(content: bytes, end: bytes, start: int, stop: int) -> int:
    """The last line border before `stop`; in a longer line the last border of a character."""
    border = content.rfind(end, start, stop) + 1
    return border if border > start else _character_border(content, stop)


def _line_ends(content: bytes) -> dict[Eol, int]:
    """How many lines end in which way."""
    starts = range(0, len(content), _STEP)
    crlf = sum(content.count(b"\r\n", at, at + _STEP + 1) for at in starts)
    lf, cr = (sum(content.count(end, at, at + _STEP) for at in starts) for end in (b"\n", b"\r"))
    return {"crlf": crlf, "lf": lf - crlf, "cr": cr - crlf}


def _eol(counts: Mapping[Eol, int]) -> Eol:
    """The way, if it is one."""
    used = [name for name, count in counts.items() if count]
    return "mixed" if len(used) > 1 else used[0] if used else "none"
