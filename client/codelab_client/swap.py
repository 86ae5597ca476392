"""Several files replaced, made and removed as one: all of them or none.

New content is staged beside each target and made durable; then come the renames, then the removals.
When one fails, those before it are undone. After a crash the staged files lie around under names
that `sweep` knows; what the targets hold then is decided by their hashes, not here.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from codelab_client.failures import check_path, from_os_error, invalid_path, io_error
from codelab_client.folder import Folder
from codelab_client.replacement import Change, Replacement
from codelab_client.trail import Spot, walk
from codelab_client.workspace import Seen, Workspace
from codelab_core.patch.failures import stale_base
from codelab_core.tool_errors import ToolError
from codelab_core.tools import WRITE_MAX_PARENTS

_PLAIN_TAG: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


def swap(workspace: Workspace, changes: Sequence[Change], call_id: str) -> None:
    """Make all changes; each file must still be as it was seen. Blocks until they are durable.

    Raises `ToolError` with nothing changed: `CONFLICT` stale_base, `INVALID_PATH`, `NOT_A_FILE`,
    `PERMISSION_DENIED`, `IO_ERROR`; only an `IO_ERROR` may say that undoing failed too.
    """
    with ExitStack() as held:
        swapping = _Swap(workspace, held, _stem(call_id))
        try:
            for change in changes:
                swapping.stage(change)
            swapping.commit()
        except (ToolError, OSError):
            swapping.discard()
            swapping.discard_folders()
            raise
        swapping.discard()


def sweep(workspace: Workspace, paths: Iterable[str], call_id: str) -> None:
    """Remove what a crash left beside these paths under the names of this call; never fails."""
    staged = re.compile(re.escape(_stem(call_id)) + r"\d+(\.old)?")
    for path in paths:
        with suppress(ToolError, OSError):
            check_path(path)
            with walk(workspace.root, path, follow=False) as spot:
                for name in filter(staged.fullmatch, spot.folder.names()):
                    spot.folder.discard(name)


def _stem(call_id: str) -> str:
    """What the names of staged files begin with; call ids come from the wire and may hold `/`."""
    if _PLAIN_TAG.fullmatch(call_id):
        return f".codelab-{call_id}-"
    return f".codelab-{hashlib.sha256(call_id.encode(errors='replace')).hexdigest()[:32]}-"


class _Swap:
    """One run of `swap`."""

    def __init__(self, workspace: Workspace, held: ExitStack, stem: str) -> None:
        self._workspace = workspace
        self._held = held
        self._stem = stem
        self._replacements: list[Replacement] = []
        self._folders: dict[str, Folder] = {}
        self._made: list[str] = []

    def stage(self, change: Change) -> None:
        """Bring the new content to the disk, beside the target, with its mode and owner."""
        path, on_step = change.path, self._workspace.on_step
        try:
            with walk(self._workspace.root, path, follow=False, on_step=on_step) as spot:
                stage = f"{self._stem}{len(self._replacements)}"
                replacement = Replacement(change, self._folder_of(spot), spot.name, stage)
                self._replacements.append(replacement)
                replacement.prepare(spot.status)
        except OSError as error:
            raise from_os_error(error, path) from error
        on_step(f"staged:{len(self._replacements) - 1}")

    def commit(self) -> None:
        """Renames, then removals; what was done is undone when one of them fails."""
        self._replacements.sort(key=lambda replacement: replacement.change.content is None)
        for number, replacement in enumerate(self._replacements):
            with self._undoing(replacement.change.path):
                if not replacement.is_current():
                    raise self._stale(replacement.change.seen)
                replacement.swap()
            self._workspace.on_step(f"swapped:{number}")
        for replacement in self._replacements:
            with self._undoing(replacement.change.path):
                replacement.folder.sync()

    def discard(self) -> None:
        """Remove what was staged and kept."""
        for replacement in self._replacements:
            replacement.discard()

    def discard_folders(self) -> None:
        """Remove the folders that were made, innermost first, those that are empty."""
        for path in reversed(self._made):
            with (
                suppress(ToolError, OSError),
                walk(self._workspace.root, path, follow=False) as spot,
            ):
                spot.folder.remove_folder(spot.name)

    def _folder_of(self, spot: Spot) -> Folder:
        """The folder of a file, one descriptor for all files in it."""
        parent = spot.path.rpartition("/")[0]
        if parent not in self._folders:
            folder = self._make_folders(spot)
            self._folders[parent] = self._held.enter_context(folder.again())
        return self._folders[parent]

    def _make_folders(self, spot: Spot) -> Folder:
        """The folder of a file that may have none yet."""
        if len(spot.missing) > WRITE_MAX_PARENTS:
            raise invalid_path(spot.path, "parents")
        folder = spot.folder
        parts = spot.path.split("/")
        first = len(parts) - 1 - len(spot.missing)
        for depth, name in enumerate(spot.missing, first):
            with suppress(FileExistsError):
                folder.make_folder(name)
                self._made.append("/".join(parts[: depth + 1]))
            folder.sync()
            folder = self._held.enter_context(folder.enter(name))
        return folder

    @contextmanager
    def _undoing(self, path: str) -> Iterator[None]:
        """On an error everything is undone; a system call that failed becomes `IO_ERROR`."""
        try:
            yield
        except ToolError:
            self._undo()
            raise
        except OSError as error:
            raise io_error(error, path, rolled_back=self._undo()) from error

    def _undo(self) -> bool:
        """Give all files their old content again; whether that worked."""
        undone = True
        for replacement in reversed(self._replacements):
            try:
                replacement.undo()
            except OSError:
                undone = False
        return undone

    def _stale(self, seen: Seen) -> ToolError:
        """`CONFLICT`: a person was faster."""
        return stale_base(seen.path, seen.sha, self._workspace.look(seen.path).sha)
