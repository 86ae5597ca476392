"""The V4A dialect (`*** Begin Patch`) to files and hunks. Pure.

Grammar: openai/codex, codex-rs/apply-patch/apply_patch_tool_instructions.md.
"""

import re
from typing import Final

from codelab_core.patch.bodies import build_hunk
from codelab_core.patch.failures import checked_path, invalid, syntax
from codelab_core.patch.model import FilePatch, Hunk, whole_file
from codelab_core.patch.reader import Reader

_BEGIN: Final = "*** Begin Patch"
_END: Final = "*** End Patch"
_END_OF_FILE: Final = "*** End of File"
_MOVE: Final = "*** Move to: "
_FILE: Final = re.compile(r"\*\*\* (Add|Update|Delete) File: (.+)")
_NO_ANCHOR: Final = re.compile(r"[-+,.…\d\s]*")


def starts_v4a(line: str) -> bool:
    """Whether `line` can only be the first line of a patch in this dialect."""
    return line.rstrip() == _BEGIN or _FILE.fullmatch(line) is not None


def parse_v4a(text: str) -> list[FilePatch]:
    """The files of a patch in the order of the text, which may have fences and prose around it.

    Raises `ToolError`: `PATCH_INVALID` (syntax, no_hunks), `INVALID_PATH`.
    """
    reader = Reader(text)
    files: list[FilePatch] = []
    inside = False
    while (line := reader.peek()) is not None:
        if _FILE.fullmatch(line):
            files.append(_read_file(reader))
            inside = True
        elif line.rstrip() in {_BEGIN, _END}:
            inside = line.rstrip() == _BEGIN
            reader.take()
        elif not inside or not line.strip() or reader.closes_fence(line):
            inside = inside and not reader.closes_fence(line)
            reader.take_prose()
        else:
            raise syntax(reader.number, "it belongs to no file of the patch.")
    return files


def _read_file(reader: Reader) -> FilePatch:
    """The file whose `*** ... File:` line comes next."""
    found = _FILE.fullmatch(reader.take()[0].rstrip("\r"))
    action, path = found.groups() if found else ("", "")
    checked_path(path.strip())
    if action == "Delete":
        return FilePatch("delete", path.strip())
    if action == "Add":
        return FilePatch("create", path.strip(), hunks=_added(reader))
    return _updated(reader, path.strip())


def _added(reader: Reader) -> tuple[Hunk, ...]:
    """The content of a new file; none at all is an empty file."""
    texts: list[str] = []
    while reader.starts("+"):
        texts.append(reader.take()[0].rstrip("\r")[1:])
    return (whole_file(texts),) if texts else ()


def _updated(reader: Reader, path: str) -> FilePatch:
    """A changed file, perhaps renamed."""
    renamed = reader.starts(_MOVE)
    target = checked_path(reader.take()[0].removeprefix(_MOVE).strip()) if renamed else path
    hunks: list[Hunk] = []
    while (hunk := _read_hunk(reader)) is not None:
        hunks.append(hunk)
    if target != path:
        return FilePatch("rename", target, path, tuple(hunks))
    return FilePatch("modify", path, hunks=tuple(hunks))


def _read_hunk(reader: Reader) -> Hunk | None:
    """The next hunk of the file with the anchors before it; `None` when there is no more."""
    while reader.peek() == "":
        reader.take()
    number, anchors = reader.number, _anchors(reader)
    rows = _less_blank_tail([row.rstrip("\r") for row in reader.take(_length(reader))])
    if not rows:
        if reader.number == number:
            return None
        raise invalid("no_hunks", f"Line {number} of the patch: no lines follow.", line=number)
    at_end = (reader.peek() or "").rstrip() == _END_OF_FILE
    if at_end:
        reader.take()
    lines = build_hunk(rows, number, ends_told=False).lines
    return Hunk(lines, anchors, at_end=at_end)


def _anchors(reader: Reader) -> tuple[str, ...]:
    """The enclosing lines that a run of `@@` lines names, outermost first."""
    anchors: list[str] = []
    while reader.starts("@@"):
        heading = reader.take()[0].rstrip("\r").removeprefix("@@").removesuffix("@@")
        if not _NO_ANCHOR.fullmatch(heading):
            anchors.append(heading.strip())
    return tuple(anchors)


def _length(reader: Reader) -> int:
    """How many rows of a hunk come next, blank ones included."""
    length = 0
    while (row := reader.peek(length)) is not None and row[:1] in {"", " ", "+", "-"}:
        length += 1
    return length


def _less_blank_tail(rows: list[str]) -> list[str]:
    """The rows less empty ones at the end, which only set it apart from what follows."""
    while rows and not rows[-1]:
        rows.pop()
    return rows
