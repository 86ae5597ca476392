"""Whether a write call has run already, told by the hashes of its files. Pure.

The table is that of docs/tools.md, "Execution in the client": hashes decide, nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from codelab_core.patch.failures import stale_base
from codelab_core.patch.model import Operation
from codelab_core.patch.text import ABSENT
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import Path

State = Literal["pre", "post", "half", "same", "other"]
Sha = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64}|absent)$")]

MAX_FILES: Final = 200


class FileGuard(BaseModel):
    """One file before and after; for a rename `old_path` is where it was."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    path: Path
    op: Operation
    pre_sha: Sha
    post_sha: Sha
    old_path: Path | None = None

    @model_validator(mode="after")
    def _old_path_of_rename(self) -> Self:
        """A rename says from where, nothing else does."""
        if (self.op == "rename") != (self.old_path is not None):
            raise ValueError("old_path belongs to a rename")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that the change touches."""
        return (self.path,) if self.old_path is None else (self.old_path, self.path)

    def before(self) -> dict[str, str]:
        """The hash of each path before the change."""
        if self.old_path is None:
            return {self.path: self.pre_sha}
        return {self.old_path: self.pre_sha, self.path: ABSENT}

    def after(self) -> dict[str, str]:
        """The hash of each path after it."""
        if self.old_path is None:
            return {self.path: self.post_sha}
        return {self.path: self.post_sha, self.old_path: ABSENT}

    def to_wire(self) -> dict[str, Any]:
        """As it stands in a guard, a result and the journal."""
        return self.model_dump(exclude_none=True)


class Guard(BaseModel):
    """The files of a call; no path twice."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    files: Annotated[list[FileGuard], Field(min_length=1, max_length=MAX_FILES)]

    @model_validator(mode="after")
    def _each_path_once(self) -> Self:
        """Two changes of one file have no order."""
        paths = self.paths
        if len(set(paths)) < len(paths):
            raise ValueError("a path stands twice")
        return self

    @property
    def paths(self) -> list[str]:
        """Every path that the call may touch."""
        return [path for file in self.files for path in file.paths]

    def to_wire(self) -> list[dict[str, Any]]:
        """The files as the journal and results hold them."""
        return [file.to_wire() for file in self.files]


def state_of(file: FileGuard, shas: Mapping[str, str]) -> State:
    """How far the change of one file has come; `shas` has the hash of each of its paths now.

    `half`: renamed, but the old name is still there. `same`: the change keeps the content (it sets
    the mode), so that hashes cannot tell; making it again does no harm.
    """
    now = {path: shas[path] for path in file.paths}
    if now == file.before():
        return "same" if file.before() == file.after() else "pre"
    if now == file.after():
        return "post"
    renamed = file.old_path is not None and now == {**file.before(), file.path: file.post_sha}
    return "half" if renamed else "other"


def unfinished(guard: Guard, shas: Mapping[str, str], *, intended: bool) -> Sequence[FileGuard]:
    """The files that are still to be changed; none when all are done.

    `intended`: this very call may have begun before. Raises `ToolError` `CONFLICT`: stale_base for
    a file that is neither as before nor as after, unknown_outcome when some are done and nothing
    tells who did it.
    """
    states = [(file, state_of(file, shas)) for file in guard.files]
    for file, state in states:
        if state == "other":
            raise _stale(file, shas)
    begun = any(state in {"post", "half"} for _, state in states)
    complete = all(state in {"post", "same"} for _, state in states)
    if begun and not intended:
        if complete:
            return []
        raise _unknown_outcome(states)
    return [file for file, state in states if state != "post"]


def _stale(file: FileGuard, shas: Mapping[str, str]) -> ToolError:
    """`CONFLICT` for the path that has some third content, or is not as it was before."""
    before, after = file.before(), file.after()
    changed = [path for path in reversed(file.paths) if shas[path] != before[path]]
    foreign = [path for path in changed if shas[path] != after[path]]
    path = (foreign or changed)[0]
    return stale_base(path, before[path], shas[path])


def _unknown_outcome(states: Sequence[tuple[FileGuard, State]]) -> ToolError:
    """`CONFLICT` that only a person can settle."""
    files = [{"path": file.path, "state": state} for file, state in states]
    message = "Some files are already changed, and there is no record of this call."
    return ToolError(ToolCode.CONFLICT, message, **{"class": "unknown_outcome", "files": files})
