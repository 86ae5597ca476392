"""What `git diff` prints, read and cut to size. Pure: bytes in, values out.

Two outputs: `--raw --numstat -z` names the files, `-p` is the text. Source of both formats:
git-diff(1), "Raw output format", "Other diff formats", "Combined diff format".
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
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
    """One file of a diff; lines are not counted for a binary one and for a conflict."""

    path: str
    status: str
    old_path: str | None = None
    additions: int | None = None
    deletions: int | None = None
    binary: bool = False

    def headers(self) -> Iterator[bytes]:
        """First lines that its part of the diff may have."""
        old = self.old_path or self.path
        yield f"diff --git {_quoted(f'a/{old}')} {_quoted(f'b/{self.path}')}".encode()
        yield f"diff --cc {_quoted(self.path)}".encode()

    def to_wire(self, *, omitted: bool) -> dict[str, Any]:
        """As it stands in the result."""
        facts = {
            "path": self.path,
            "old_path": self.old_path,
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
    fields = iter(output.decode(errors="replace").split("\0")[:-1])
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


def _quoted(path: str) -> str:
    """A path as git prints it with `core.quotepath=off`: in quotes if it has odd characters."""
    escaped = path.translate(_ESCAPES)
    return path if escaped == path else f'"{escaped}"'


@dataclass(slots=True)
class DiffText:
    """Collects the text of a diff: whole files while they fit, then whole hunks.

    At most 100 files and 5 MiB; a file above 1 MiB is left out. `size` is that of everything that
    was read: git's whole output, or its first 64 MiB.
    """

    files: Sequence[ChangedFile]
    size: int = 0
    truncated: bool = False
    omitted: set[str] = field(default_factory=set)
    _kept: bytearray = field(default_factory=bytearray)
    _part: bytearray = field(default_factory=bytearray)
    _skipping: bool = False
    _full: bool = False
    _owners: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know which file a part belongs to."""
        for number, file in enumerate(self.files):
            self._owners |= dict.fromkeys(file.headers(), number)

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes; false when nothing more is wanted."""
        self.size += len(chunk)
        start = max(0, len(self._part) - len(_NEXT))
        self._part += chunk
        while (border := self._part.find(_NEXT, start)) >= 0:
            self._end_part(border + 1)
            start = 0
        if len(self._part) > DIFF_MAX_FILE_BYTES:
            self._skip()
            del self._part[: -len(_NEXT)]
        return self.size < _READ_MAX_BYTES

    def close(self, *, complete: bool) -> bytes:
        """The text. `complete`: everything was fed."""
        self._end_part(len(self._part))
        self.truncated = self.truncated or not complete or len(self.files) > DIFF_MAX_FILES
        return bytes(self._kept)

    def _skip(self) -> None:
        """Leave out the part that is being read: its file is too large."""
        if not self._skipping:
            owner = self._owner()
            if owner is not None:
                self.omitted.add(self.files[owner].path)
            self._skipping = self.truncated = True

    def _end_part(self, length: int) -> None:
        """The first `length` bytes are the (rest of the) part of one file."""
        if length > DIFF_MAX_FILE_BYTES:
            self._skip()
        if not self._skipping:
            self._keep(bytes(self._part[:length]))
        self._skipping = False
        del self._part[:length]

    def _keep(self, part: bytes) -> None:
        """Add a part, or what fits of it."""
        owner = self._owner()
        if self._full or (owner is not None and owner >= DIFF_MAX_FILES):
            self.truncated = self.truncated or bool(part)
            return
        room = DIFF_MAX_BYTES - len(self._kept)
        if len(part) > room:
            self._full = self.truncated = True
            part = _whole_hunks(part, room)
        self._kept += part

    def _owner(self) -> int | None:
        """The number of the file that the part being read belongs to."""
        return self._owners.get(bytes(self._part[: self._part.find(b"\n")]))


def _whole_hunks(part: bytes, room: int) -> bytes:
    """The head of a file with as many of its hunks as fit; nothing when the first does not."""
    starts = [match.start() for match in _HUNK.finditer(part)]
    fitting = [start for start in starts[1:] if start <= room]
    return part[: fitting[-1]] if fitting else b""
