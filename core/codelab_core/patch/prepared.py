"""What is known of a patch that is ready: diff, guards, hunks for review, new bytes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from codelab_core.patch.model import Operation

Subject = Literal["lines", "rename", "mode", "file"]
"""What a reviewed hunk changes; `file` is a new or deleted file that is empty."""


@dataclass(frozen=True, slots=True)
class Base:
    """A file as the session knows it."""

    content: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a prepared patch; `executable` is the new mode where the patch sets it."""

    path: str
    op: Operation
    old_path: str | None
    pre_sha: str
    post_sha: str
    executable: bool | None

    def guard(self) -> dict[str, str]:
        """The entry of `guard.files`: `pre_sha` is that of `old_path` for a rename."""
        shas = {"pre_sha": self.pre_sha, "post_sha": self.post_sha}
        renamed = {} if self.old_path is None else {"old_path": self.old_path}
        return {"path": self.path, "op": self.op, **shas, **renamed}


@dataclass(frozen=True, slots=True)
class ReviewHunk:
    """A part of the patch that a person may take or leave.

    Ordinals run from 1: first the `@@` hunks as they stand in the diff, then what else is done to
    files, which has no lines and is empty from line 0 to line 0.
    """

    hunk_id: str
    ordinal: int
    path: str
    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    match: str
    depends_on: tuple[str, ...]
    related: tuple[str, ...]
    subject: Subject

    def to_wire(self) -> dict[str, Any]:
        """The entry of `review.hunks`."""
        names = ("hunk_id", "ordinal", "path", "old_start", "old_lines", "new_start", "new_lines")
        wire = {name: getattr(self, name) for name in (*names, "match")}
        return {**wire, "depends_on": list(self.depends_on), "related": list(self.related)}


@dataclass(frozen=True, slots=True)
class PreparedPatch:
    """Bytes decided, nothing written. `posts` maps each touched path to new bytes, or `None`.

    `posts` is what the diff makes of the bases when it is applied as the client applies it, so
    that what was shown, what is hashed and what will be written cannot differ.
    """

    diff: str
    files: tuple[FileChange, ...]
    hunks: tuple[ReviewHunk, ...]
    posts: Mapping[str, bytes | None]
    digest: str
