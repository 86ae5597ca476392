"""The canonical diff: git's form with exact lines and places, one for each change. Pure.

What a person is shown, what is sent and what is applied is this text; both ends read it with
`parse_canonical`. Line ends are those of the file: a CRLF line ends with CR LF here too.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from codelab_core.patch.edits import Edit
from codelab_core.patch.model import Operation
from codelab_core.patch.names import DEV_NULL, quote
from codelab_core.patch.search_index import Level

CONTEXT_LINES: Final = 3
NO_NEWLINE: Final = "\\ No newline at end of file\n"
_MODES: Final = {False: "100644", True: "100755"}


@dataclass(frozen=True, slots=True)
class CanonicalHunk:
    """Rows are a prefix and a line of the file with its end; `start` counts lines from 0."""

    start: int
    new_start: int
    rows: tuple[str, ...]
    level: Level = Level.EXACT

    @property
    def old(self) -> tuple[str, ...]:
        """The lines that stand at `start`."""
        return tuple(row[1:] for row in self.rows if row[0] != "+")

    @property
    def new(self) -> tuple[str, ...]:
        """The lines that stand at `new_start` afterwards."""
        return tuple(row[1:] for row in self.rows if row[0] != "-")

    @property
    def spans(self) -> tuple[int, int, int, int]:
        """Old start and count, new start and count, from 1; an empty span names the line before."""
        old, new = len(self.old), len(self.new)
        return self.start + bool(old), old, self.new_start + bool(new), new

    def render(self) -> str:
        """The hunk as text."""
        old_start, old, new_start, new = self.spans
        head = f"@@ -{_span(old_start, old)} +{_span(new_start, new)} @@\n"
        rows = (row if row.endswith("\n") else f"{row}\n{NO_NEWLINE}" for row in self.rows)
        return "".join((head, *rows))


@dataclass(frozen=True, slots=True)
class CanonicalFile:
    """One file of a canonical diff; `old_path` only for a rename.

    `old_executable` is `None` for a new file, `executable` for one that goes; where both are the
    same the diff of a kept file does not name them, and they read as false.
    """

    operation: Operation
    path: str
    old_path: str | None
    old_executable: bool | None
    executable: bool | None
    hunks: tuple[CanonicalHunk, ...]

    @property
    def base_path(self) -> str:
        """Where the old content is."""
        return self.old_path or self.path

    @property
    def mode_changed(self) -> bool:
        """Whether a kept file becomes, or ceases to be, executable."""
        kept = self.old_executable is not None and self.executable is not None
        return kept and self.old_executable != self.executable

    def render(self) -> str:
        """The file as text, its head first."""
        old, new = quote(f"a/{self.base_path}"), quote(f"b/{self.path}")
        lines = [f"diff --git {old} {new}"]
        if self.old_executable is None:
            lines.append(f"new file mode {_MODES[bool(self.executable)]}")
        elif self.executable is None:
            lines.append(f"deleted file mode {_MODES[self.old_executable]}")
        elif self.mode_changed:
            lines.append(f"old mode {_MODES[self.old_executable]}")
            lines.append(f"new mode {_MODES[self.executable]}")
        if self.old_path is not None:
            lines.append(f"rename from {quote(self.old_path)}")
            lines.append(f"rename to {quote(self.path)}")
        if self.hunks:
            lines.append(f"--- {_shown(old, absent=self.operation == 'create')}")
            lines.append(f"+++ {_shown(new, absent=self.operation == 'delete')}")
        return "".join(("\n".join(lines), "\n", *(hunk.render() for hunk in self.hunks)))


def _span(start: int, count: int) -> str:
    """Start and count; git leaves a count of one out."""
    return f"{start}" if count == 1 else f"{start},{count}"


def _shown(name: str, *, absent: bool) -> str:
    """A name in a `---` or `+++` line; a TAB marks the end of one with a space, as git does."""
    return DEV_NULL if absent else name + "\t" if " " in name else name


def canonical_hunks(old: Sequence[str], edits: Sequence[Edit]) -> tuple[CanonicalHunk, ...]:
    """The edits of the lines, merged and in order, with context around them.

    Those that are six lines apart or less share a hunk, as in git.
    """
    hunks: list[CanonicalHunk] = []
    shift = 0
    for group in _grouped(edits):
        start = max(group[0].start - CONTEXT_LINES, 0)
        rows = _rows(old, group, start)
        hunks.append(CanonicalHunk(start, start + shift, rows, max(edit.level for edit in group)))
        shift += sum(len(edit.new) - (edit.end - edit.start) for edit in group)
    return tuple(hunks)


def _grouped(edits: Sequence[Edit]) -> list[list[Edit]]:
    """Runs of edits that share a hunk."""
    groups = [list(edits[:1])] if edits else []
    for before, after in pairwise(edits):
        if after.start - before.end > 2 * CONTEXT_LINES:
            groups.append([])
        groups[-1].append(after)
    return groups


def _rows(old: Sequence[str], edits: Sequence[Edit], start: int) -> tuple[str, ...]:
    """The rows of one hunk that begins at line `start`."""
    rows: list[str] = []
    at = start
    for edit in edits:
        rows += [" " + line for line in old[at : edit.start]]
        rows += ["-" + line for line in old[edit.start : edit.end]]
        rows += ["+" + line for line in edit.new]
        at = edit.end
    return (*rows, *(" " + line for line in old[at : at + CONTEXT_LINES]))


def render(files: Iterable[CanonicalFile]) -> str:
    """The diff of all files."""
    return "".join(file.render() for file in files)


def patch_key(diff: str) -> str:
    """SHA-256 of a diff but for newlines at its end: equal keys, equal canonical diffs."""
    return hashlib.sha256((diff.rstrip("\n") + "\n").encode()).hexdigest()


class HunkIds:
    """Twelve hex digits for each change of a patch: the same change always gets the same ones."""

    def __init__(self) -> None:
        self._seen: defaultdict[tuple[str, str, str], int] = defaultdict(int)

    def next(self, path: str, old: str, new: str) -> str:
        """The id of the block `new` for `old`, told from equal ones before it by their number."""
        key = (path, old, new)
        self._seen[key] += 1
        parts = (*key, str(self._seen[key]))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
