"""From the text of a patch in any dialect to files with hunks. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import count

from codelab_core.patch.failures import (
    PATCH_LINE_MAX_BYTES,
    PATCH_MAX_BYTES,
    PATCH_MAX_FILES,
    PATCH_MAX_HUNKS,
    check_utf8,
    invalid,
    syntax,
    within,
)
from codelab_core.patch.headers import at_header
from codelab_core.patch.model import FilePatch, Patch
from codelab_core.patch.reader import Reader
from codelab_core.patch.search_replace import parse_search_replace, starts_search
from codelab_core.patch.unified import parse_unified
from codelab_core.patch.v4a import parse_v4a, starts_v4a

Parser = Callable[[str], list[FilePatch]]


def parse_patch(text: str) -> Patch:
    """Read a patch: unified, git extended, V4A or SEARCH/REPLACE, by its first telling line.

    Raises `ToolError`: `PATCH_INVALID` {reason, ...} for what is no patch, too large or not
    supported, `INVALID_PATH` {path, rule}.
    """
    _check_bounds(text)
    parsed = _parser(text)(text)
    within("hunks", sum(len(file.hunks) for file in parsed), PATCH_MAX_HUNKS)
    files = _merged(parsed)
    within("files", len(files), PATCH_MAX_FILES)
    if not files:
        raise invalid("no_hunks", "The text has no patch in it.")
    for file in files:
        _refuse_idle(file)
    return Patch(tuple(files))


def _check_bounds(text: str) -> None:
    """Size, encoding, length of lines."""
    check_utf8(text)
    within("bytes", len(text.encode()), PATCH_MAX_BYTES)
    if "\0" in text:
        raise syntax(text.count("\n", 0, text.index("\0")) + 1, "it has a NUL character.")
    longest = max(len(line.encode()) for line in text.split("\n"))
    within("bytes in a line", longest, PATCH_LINE_MAX_BYTES)


def _parser(text: str) -> Parser:
    """The parser of the dialect whose mark comes first; that of unified diffs without any."""
    reader = Reader(text)
    while (line := reader.peek()) is not None:
        if starts_v4a(line):
            return parse_v4a
        if starts_search(line):
            return parse_search_replace
        if at_header(reader) or line.startswith("@@"):
            return parse_unified
        reader.take()
    return parse_unified


def _merged(files: Iterable[FilePatch]) -> list[FilePatch]:
    """Files with numbered hunks; those of one path together, in the order of the text."""
    numbers = count(1)
    merged: dict[str, FilePatch] = {}
    for file in files:
        hunks = tuple(replace(hunk, ordinal=next(numbers)) for hunk in file.hunks)
        numbered = replace(file, hunks=hunks)
        known = merged.get(file.path)
        merged[file.path] = numbered if known is None else _joined(known, numbered)
    _refuse_shared(merged)
    return list(merged.values())


def _joined(first: FilePatch, second: FilePatch) -> FilePatch:
    """Two changes of one file as one; the hunks no longer claim an order."""
    if first.operation != "modify" or second.operation != "modify":
        raise _twice(first.path)
    executable = first.executable if second.executable is None else second.executable
    hunks = (*first.hunks, *second.hunks)
    return replace(first, hunks=hunks, executable=executable, ascending=False)


def _refuse_shared(files: Mapping[str, FilePatch]) -> None:
    """Raise for a path that two files touch, such as the old name of one and the new of another."""
    seen: set[str] = set()
    for file in files.values():
        for path in file.paths:
            if path in seen:
                raise _twice(path)
            seen.add(path)


def _twice(path: str) -> Exception:
    """The error for a path with more than one operation."""
    return invalid("unsupported", f"{path} is named by two operations of the patch.", path=path)


def _refuse_idle(file: FilePatch) -> None:
    """Raise for a file of which the patch says nothing."""
    if file.operation == "modify" and not file.hunks and file.executable is None:
        raise invalid("no_hunks", f"There is no hunk for {file.path}.", path=file.path)
