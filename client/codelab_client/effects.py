"""Changes to files that happen once, however often their call comes and whatever dies meanwhile.

Order: hashes decide what is left to do, the intent is made durable, the files are swapped, the
effect is noted, the answer is recorded.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from codelab_client.failures import post_mismatch
from codelab_client.guard import FileGuard, Guard, state_of, unfinished
from codelab_client.journal import CallKey, Journal
from codelab_client.replacement import Change
from codelab_client.swap import swap, sweep
from codelab_client.workspace import Seen, Workspace
from codelab_core.patch.model import Operation
from codelab_core.patch.text import sha256_of
from codelab_core.tools import FILE_MAX_BYTES

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewFile:
    """What a file shall be; `content` `None` for gone, `executable` `None` for as it was.

    `old_path` is where it comes from, if it is to move.
    """

    content: bytes | None
    executable: bool | None = None
    old_path: str | None = None


Make = Callable[[Mapping[str, Seen]], Mapping[str, NewFile]]
"""From files as they are to files as they shall be; called with all or some files of a call."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call that writes: what it may touch, and how the new files come about.

    `guard` is `None` for calls written by hand; then the files as they are now are the base.
    `render` makes the tool's result. A file above `limit` bytes is refused.
    """

    key: CallKey
    paths: Sequence[str]
    guard: Guard | None
    make: Make
    render: Callable[["Outcome"], dict[str, Any]]
    limit: int = FILE_MAX_BYTES


@dataclass(frozen=True, slots=True)
class Outcome:
    """The files with their hashes; `already` when all were done before, `changed` if any now."""

    guard: Guard
    already: bool
    changed: bool


class Effects:
    """Writes files of one workspace; all methods block."""

    def __init__(self, workspace: Workspace, journal: Journal) -> None:
        self._workspace = workspace
        self._journal = journal

    def carry_out(self, request: Request) -> dict[str, Any]:
        """Bring the files of a call from before to after, or find that they are; the result.

        The result is on record before it is returned: a caller that was cancelled loses nothing.

        Raises `ToolError`: `CONFLICT`, `PATCH_APPLY_FAILED` post_mismatch, those of `make` and
        `swap`; `OSError` when the journal cannot be kept. Then nothing was written, unless an
        `IO_ERROR` says that undoing failed.
        """
        with self._journal.exclusive():
            result = request.render(self._settle(request))
            self._workspace.on_step("result:before")
            record_answer(self._journal, request.key, {"result": result})
        return result

    def _settle(self, request: Request) -> Outcome:
        """Find out what is left to do, and do it."""
        record = self._journal.record(request.key)
        intended = record.files is not None
        guard = request.guard or _recorded(record.files)
        paths = guard.paths if guard else request.paths
        if intended:
            sweep(self._workspace, paths, request.key.call_id)
        seen = {path: self._workspace.look(path, request.limit) for path in paths}
        if guard is None:
            new = request.make(seen)
            return self._write(request.key, _derived(seen, new), _changes(seen, new))
        shas = {path: file.sha for path, file in seen.items()}
        rest = unfinished(guard, shas, intended=intended)
        if not rest:
            return Outcome(guard, already=True, changed=False)
        return self._write(request.key, guard, _changes(seen, _made(request, rest, seen)))

    def sweep(self) -> None:
        """Remove staged files of calls that died and were never asked for again."""
        with self._journal.exclusive():
            for key, record in self._journal.unfinished().items():
                guard = _recorded(record.files)
                if guard is not None:
                    sweep(self._workspace, guard.paths, key.call_id)

    def _write(self, key: CallKey, guard: Guard, changes: Sequence[Change]) -> Outcome:
        """Record the intent, swap, record the effect."""
        if changes:
            step = self._workspace.on_step
            step("intent:before")
            self._journal.intend(key, guard.to_wire())
            step("intent:after")
            swap(self._workspace, changes, key.call_id)
            with suppress(OSError):  # a note for people; hashes tell that it is done
                self._journal.applied(key)
            step("effect:after")
        return Outcome(guard, already=False, changed=bool(changes))


def record_answer(journal: Journal, key: CallKey, answer: Mapping[str, Any]) -> None:
    """Keep what the caller gets. It is true even if that fails, so a failure is only logged."""
    try:
        journal.answer(key, answer)
    except OSError:
        log.exception("answer not recorded", extra={"call_id": key.call_id})


def _made(
    request: Request, rest: Iterable[FileGuard], seen: Mapping[str, Seen]
) -> dict[str, NewFile]:
    """The new files, checked against the hashes that were approved."""
    shas = {path: file.sha for path, file in seen.items()}
    half = [file for file in rest if state_of(file, shas) == "half"]
    whole = [file for file in rest if file not in half]
    new = {file.old_path: NewFile(None) for file in half if file.old_path is not None}
    if whole:
        new |= _checked(request.make({p: seen[p] for file in whole for p in file.paths}), whole)
    return new


def _checked(new: Mapping[str, NewFile], files: Iterable[FileGuard]) -> Mapping[str, NewFile]:
    """`new` itself, if it is what the guard says and nothing else."""
    expected = {path: sha for file in files for path, sha in file.after().items()}
    for path in {**expected, **new}:
        made = new.get(path)
        if made is None or sha256_of(made.content) != expected.get(path):
            raise post_mismatch(path)
    return new


def _changes(seen: Mapping[str, Seen], new: Mapping[str, NewFile]) -> list[Change]:
    """What is really to be written, in the order of the paths."""
    return [
        Change(seen[path], file.content, file.executable, seen[file.old_path or path].mode)
        for path, file in sorted(new.items())
        if file.content != seen[path].content
        or file.executable not in {None, seen[path].executable}
    ]


def _derived(seen: Mapping[str, Seen], new: Mapping[str, NewFile]) -> Guard:
    """The guard of a call that came without one."""
    moved = {file.old_path for file in new.values()}
    return Guard(
        files=[_derived_file(path, file, seen) for path, file in new.items() if path not in moved]
    )


def _derived_file(path: str, new: NewFile, seen: Mapping[str, Seen]) -> FileGuard:
    """One file of it."""
    base = seen[new.old_path or path]
    operation: Operation = "modify"
    if new.old_path is not None:
        operation = "rename"
    elif base.content is None:
        operation = "create"
    elif new.content is None:
        operation = "delete"
    return FileGuard(
        path=path,
        op=operation,
        pre_sha=base.sha,
        post_sha=sha256_of(new.content),
        old_path=new.old_path,
    )


def _recorded(files: object) -> Guard | None:
    """The guard of an intent, if there is a readable one."""
    with suppress(ValidationError):
        return Guard.model_validate({"files": files})
    return None
