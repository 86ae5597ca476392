"""What `git diff` prints, read and cut to size. Pure: bytes in, values out.

Two outputs: `--raw --numstat -z` names the files, `-p` is the text. Source of both formats:
git-diff(1), "Raw output format", "Other diff formats", "Combined diff format".
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from codelab_core.tools import DIFF_MAX_BYTES, DIFF_MAX_FILE_BYTES, DIFF_MAX_FILES

_NEXT: Final = b"\ndiff --"
_READ_MAX_BYTES: Final = 64 << 20
_STATUSES: Final = frozenset("AMDRCTU")
_TWO_PATHS: Final = frozenset("RC")
_HUNK: Final = re.compile(rb"^@@", re.MULTILINE)
_ESCAPES: Final = {
    **{code: f"\\{code:03o}" for code in (*range(32), 127)},
    **{ord(char): f"\\{name}" for char, name in zip("\a\b\t\n\v\f\r", "abtnvfr", strict=True)},
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of a diff; lines are not counted for a binary one and for a conflict.

    Bytes of a path that are not UTF-8 are lone surrogates.
    """

    path: str
    status: str
    old_path: str | None = None
    additions: int | None = None
    deletions: int | None = None
    binary: bool = False

    def headers(self) -> Iterator[bytes]:
        """First lines that its part of the diff may have."""
        old = self.old_path or self.path
        names = f"{_quoted(f'a/{old}')} {_quoted(f'b/{self.path}')}"
        yield f"diff --git {names}".encode(errors="surrogateescape")
        yield f"diff --cc {_quoted(self.path)}".encode(errors="surrogateescape")

    def to_wire(self, *, omitted: bool) -> dict[str, Any]:
        """As it stands in the result."""
        facts = {
            "path": _shown(self.path),
            "old_path": self.old_path and _shown(self.old_path),
            "status": self.status,
            "additions": self.additions,
            "deletions": self.deletions,
            "binary": self.binary or None,
            "omitted": omitted or None,
        }
        return {key: value for key, value in facts.items() if value is not None}


def parse_files(output: bytes) -> list[ChangedFile]:
    """The files that `--raw --numstat -z` names, in its order, each path once.

    The output may have been cut: what stands after its last NUL is left out.
    """
    fields = iter(output.decode(errors="surrogateescape").split("\0")[:-1])
    files: dict[str, ChangedFile] = {}
    for head in fields:
        if head.startswith(":"):
            file = _raw(head, fields)
            if file.path not in files or file.status == "U":
                files[file.path] = file
        elif head:
            _count(head, fields, files)
    files.pop("", None)
    return list(files.values())


def _raw(head: str, fields: Iterator[str]) -> ChangedFile:
    """One entry of the raw part; several colons are a conflict."""
    status = "U" if head.startswith("::") else head.rpartition(" ")[2][:1]
    old = next(fields, "")
    if status in _TWO_PATHS:
        return ChangedFile(next(fields, ""), status, old)
    return ChangedFile(old, status if status in _STATUSES else "M")


def _count(head: str, fields: Iterator[str], files: dict[str, ChangedFile]) -> None:
    """One entry of the counting part."""
    added, deleted, path = head.split("\t", 2)
    if not path:
        next(fields, "")
        path = next(fields, "")
    file = files.get(path)
    if file is None or file.status == "U":
        return
    if added == "-":
        files[path] = replace(file, binary=True)
    else:
        files[path] = replace(file, additions=int(added), deletions=int(deleted))


def _shown(path: str) -> str:
    """A path for JSON: bytes that are not UTF-8 become U+FFFD."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def _quoted(path: str) -> str:
    """A path as git prints it with `core.quotepath=off`: in quotes if it has odd characters."""
    escaped = path.translate(_ESCAPES)
    return path if escaped == path else f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Diff:
    """What a diff comes to; `files` are those with a part in git's text, the first hundred.

    `size` is that of all that was read: git's whole output, or its first 64 MiB.
    """

    text: str
    files: list[dict[str, Any]]
    size: int
    truncated: bool


class DiffText:
    """Collects the text of a diff: whole files while they fit, then whole hunks.

    At most 100 files and 5 MiB; a file above 1 MiB is left out. Files that `files` names but the
    text does not are those whose times changed and nothing else.
    """

    def __init__(self, files: Sequence[ChangedFile]) -> None:
        self._files = files
        self._numbers = {
            header: number for number, file in enumerate(files) for header in file.headers()
        }
        self._positions: dict[int | bytes, int] = {}
        self._omitted: set[int | bytes] = set()
        self._part = bytearray()
        self._kept = bytearray()
        self._size = 0
        self._skipping = False
        self._full = False
        self._truncated = False

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes; false when nothing more is wanted."""
        self._size += len(chunk)
        start = max(0, len(self._part) - len(_NEXT))
        self._part += chunk
        while (border := self._part.find(_NEXT, start)) >= 0:
            self._end_part(border + 1)
            start = 0
        if len(self._part) > DIFF_MAX_FILE_BYTES:
            self._skip()
            del self._part[: -len(_NEXT)]
        return self._size < _READ_MAX_BYTES

    def close(self, *, complete: bool) -> Diff:
        """The diff. `complete`: everything was fed."""
        if self._part:
            self._end_part(len(self._part))
        files = [
            file.to_wire(omitted=number in self._omitted)
            for number, file in enumerate(self._files)
            if number in self._positions or file.status == "U" or not complete
        ]
        truncated = self._truncated or not complete or len(files) > DIFF_MAX_FILES
        text = self._kept.decode(errors="replace")
        return Diff(text, files[:DIFF_MAX_FILES], self._size, truncated)

    def _end_part(self, length: int) -> None:
        """The first `length` bytes are the (rest of the) part of one file."""
        if length > DIFF_MAX_FILE_BYTES:
            self._skip()
        if not self._skipping:
            self._keep(bytes(self._part[:length]))
        self._skipping = False
        del self._part[:length]

    def _skip(self) -> None:
        """Leave out the part that is being read: its file is too large."""
        if not self._skipping:
            self._omitted.add(self._owner())
            self._skipping = self._truncated = True

    def _keep(self, part: bytes) -> None:
        """Add a part, or what fits of it."""
        position = self._positions[self._owner()]
        if self._full or position >= DIFF_MAX_FILES:
            self._truncated = True
            return
        room = DIFF_MAX_BYTES - len(self._kept)
        if len(part) > room:
            self._full = self._truncated = True
            part = _whole_hunks(part, room)
        self._kept += part

    def _owner(self) -> int | bytes:
        """The number of the file that this part belongs to, or its first line if nobody knows.

        A file that changed its type has two parts; it is counted once.
        """
        line = bytes(self._part[: self._part.find(b"\n")])
        owner = self._numbers.get(line, line)
        self._positions.setdefault(owner, len(self._positions))
        return owner


def _whole_hunks(part: bytes, room: int) -> bytes:
    """The head of a file with as many of its hunks as fit; nothing when the first does not."""
    starts = [match.start() for match in _HUNK.finditer(part)]
    fitting = [start for start in starts[1:] if start <= room]
    return part[: fitting[-1]] if fitting else b""
