"""What a patch says, whatever its dialect: files, hunks, lines. Pure.

No line number of the model survives parsing: there is no field for one, so placement cannot use it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Operation = Literal["create", "modify", "delete", "rename"]
Kind = Literal[" ", "-", "+"]

KEPT: Final[frozenset[Operation]] = frozenset({"modify", "rename"})
"""Operations on a file that is there before and after."""

BARE: Final = ""
"""End of a line that the patch says has no newline."""
TERMINATED: Final = "eol"
"""End of a line that has some newline, because the patch shows only its counterpart without."""


class Line(NamedTuple):
    """One line of a hunk, without its end.

    `end` is what the patch says of it: LF, CRLF, `BARE`, `TERMINATED`, or `None` for nothing, which
    is the rule: models are shown LF whatever the file has.
    """

    kind: Kind
    text: str
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines to find and what becomes of them.

    `ordinal` counts from 1 over the patch in the order of its text. `anchors` name lines that
    enclose the place, outermost first. A hunk `at_start` or `at_end` holds the first or last line
    of its file. `bom` says that the patch adds (true) or drops (false) the byte order mark.
    """

    lines: tuple[Line, ...]
    anchors: tuple[str, ...] = ()
    at_start: bool = False
    at_end: bool = False
    bom: bool | None = None
    ordinal: int = 0

    @property
    def old(self) -> list[str]:
        """Texts of the lines that the file must have, in order."""
        return [line.text for line in self.lines if line.kind != "+"]

    @property
    def new(self) -> list[str]:
        """Texts of the lines that stand there afterwards."""
        return [line.text for line in self.lines if line.kind != "-"]


@dataclass(frozen=True, slots=True)
class FilePatch:
    """What becomes of one file. `path` is its name afterwards, `old_path` only set for a rename.

    `executable` is the new mode where the patch names one, the old one of a deleted file.
    `ascending`: the hunks claim to stand in the order of the file.
    """

    operation: Operation
    path: str
    old_path: str | None = None
    hunks: tuple[Hunk, ...] = ()
    executable: bool | None = None
    ascending: bool = True

    @property
    def base_path(self) -> str:
        """The path whose content the hunks are about."""
        return self.old_path or self.path

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that the change touches."""
        return (self.path,) if self.old_path is None else (self.old_path, self.path)


@dataclass(frozen=True, slots=True)
class Patch:
    """A parsed patch; no path is touched by two of its files."""

    files: tuple[FilePatch, ...]

    @property
    def base_paths(self) -> tuple[str, ...]:
        """The paths whose content `prepare` needs: all but those of new files."""
        return tuple(file.base_path for file in self.files if file.operation != "create")


@dataclass(frozen=True, slots=True)
class AppliedHunk:
    """One change that was made in this session: the lines before and after it, context included.

    `line` is where the new lines stood after it, counted from 1.
    """

    path: str
    old: str
    new: str
    call_id: str
    line: int


def whole_file(lines: Sequence[str]) -> Hunk:
    """The hunk that fills a new file."""
    return Hunk(tuple(Line("+", text) for text in lines))
