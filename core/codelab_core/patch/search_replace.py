"""SEARCH/REPLACE blocks to files and hunks. Pure.

Form of the blocks: Aider, docs/more/edit-formats. The path stands on a line before the block or
its fence; a block without one belongs to the file of the block before.
"""

import re
from typing import Final

from codelab_core.patch.align import changes
from codelab_core.patch.failures import checked_path, syntax
from codelab_core.patch.model import FilePatch, Hunk, Line, whole_file
from codelab_core.patch.reader import Reader

_SEARCH: Final = re.compile(r"<{5,9} ?SEARCH:?\s*")
_DIVIDER: Final = re.compile(r"={5,9}\s*")
_REPLACE: Final = re.compile(r">{5,9} ?REPLACE:?\s*")
_FENCE: Final = re.compile(r"(`{3,}|~{3,}).*")
_MAX_BETWEEN: Final = 2
_DECORATION: Final = " \t\r*`#:"


def starts_search(line: str) -> bool:
    """Whether `line` opens a block."""
    return _SEARCH.fullmatch(line) is not None


def parse_search_replace(text: str) -> list[FilePatch]:
    """One file for each block, in the order of the text; prose and fences are dropped.

    Hunks of one file do not claim any order. Raises `ToolError`: `PATCH_INVALID` syntax,
    `INVALID_PATH`.
    """
    reader = Reader(text)
    files: list[FilePatch] = []
    path: str | None = None
    while (line := reader.peek()) is not None:
        if starts_search(line):
            if path is None:
                raise syntax(reader.number, "no path stands before the block.")
            files.append(_read_block(reader, checked_path(path)))
        elif _DIVIDER.fullmatch(line) or _REPLACE.fullmatch(line):
            raise syntax(reader.number, "it belongs to no block.")
        else:
            path = _named_path(reader) or path
            reader.take()
    return files


def _named_path(reader: Reader) -> str | None:
    """The path on the next line, if a block follows with nothing but blanks and a fence between."""
    line = reader.peek() or ""
    path = line.strip(_DECORATION).removeprefix("File:").strip(_DECORATION)
    if not path or _FENCE.fullmatch(line):
        return None
    between = 1
    while between <= _MAX_BETWEEN and _is_gap(reader.peek(between)):
        between += 1
    return path if starts_search(reader.peek(between) or "") else None


def _is_gap(line: str | None) -> bool:
    """Whether a line may stand between a path and its block."""
    return line is not None and (not line.strip() or _FENCE.fullmatch(line) is not None)


def _read_block(reader: Reader, path: str) -> FilePatch:
    """The block that begins here; an empty SEARCH makes a new file."""
    number = reader.number
    reader.take()
    search = _until(reader, _DIVIDER, number)
    replace = _until(reader, _REPLACE, number)
    if any(map(_DIVIDER.fullmatch, replace)):
        raise syntax(number, "the block has two dividers: it cannot be told which one divides.")
    if not search:
        return FilePatch("create", path, hunks=(whole_file(replace),) if replace else ())
    return FilePatch("modify", path, hunks=(Hunk(_lines(search, replace)),), ascending=False)


def _until(reader: Reader, end: re.Pattern[str], number: int) -> list[str]:
    """The lines before one that matches `end`, which is taken too."""
    texts: list[str] = []
    while (line := reader.peek()) is not None:
        reader.take()
        if end.fullmatch(line):
            return texts
        if starts_search(line):
            break
        texts.append(line)
    raise syntax(number, "the block does not end.")


def _lines(search: list[str], replace: list[str]) -> tuple[Line, ...]:
    """Lines that both texts share are context, so that they keep their bytes."""
    lines: list[Line] = []
    at = 0
    for start, end, new_start, new_end in changes(search, replace):
        lines += [Line(" ", text) for text in search[at:start]]
        lines += [Line("-", text) for text in search[start:end]]
        lines += [Line("+", text) for text in replace[new_start:new_end]]
        at = end
    return (*lines, *(Line(" ", text) for text in search[at:]))
