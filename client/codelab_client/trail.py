"""The way from the workspace's root to a file, one open directory at a time.

Nothing is resolved by the system: each segment is looked at and opened without following links, so
that a directory swapped for a symlink on the way fails instead of leading out.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codelab_client.failures import from_os_error, invalid_path, not_a_file, outside
from codelab_client.folder import Folder
from codelab_core.paths import path_problem, same_file_key

OnStep = Callable[[str], None]
"""Called between two steps with the name of the one just done; tests stop or interfere there."""

_MAX_LINKS: Final = 40
_SWAPPED: Final = {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}
_KINDS: Final = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "folder"),
    (stat.S_ISLNK, "symlink"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)


def no_step(_step: str) -> None:
    """Nobody listens."""


def kind_of(status: os.stat_result) -> str:
    """`file`, `folder`, `symlink`, `pipe`, `socket` or `device`."""
    return next((kind for fits, kind in _KINDS if fits(status.st_mode)), "device")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a path leads: `name` in the deepest existing `folder`.

    `status` is that of the entry itself, `None` when there is none. `missing` are the folders that
    would have to be made below `folder` first. `path` is the real path, after links.
    """

    folder: Folder
    missing: tuple[str, ...]
    name: str
    status: os.stat_result | None
    path: str


@contextmanager
def walk(root: Path, path: str, *, follow: bool, on_step: OnStep = no_step) -> Iterator[Spot]:
    """The spot of a path whose text was checked before; its folder closes with the block.

    With `follow`, symlinks that stay inside the root are followed by us. Raises `ToolError`:
    `PATH_OUTSIDE_WORKSPACE`, `INVALID_PATH` (`twin`, `reserved`), `NOT_A_FILE` for a link when
    links are not followed and for a file in place of a folder, `PERMISSION_DENIED`, `IO_ERROR`.
    """
    with ExitStack() as held:
        try:
            walker = held.enter_context(closing(_Walker(root, path, on_step)))
            spot = walker.find(follow=follow)
        except OSError as error:
            raise from_os_error(error, path) from error
        yield spot


class _Walker:
    """State of one walk: what is behind, what is ahead, and the open folder between them."""

    def __init__(self, root: Path, path: str, on_step: OnStep) -> None:
        self._root = root
        self._path = path
        self._on_step = on_step
        self._behind: list[str] = []
        self._ahead = deque(path.split("/"))
        self._links = 0
        self._folder = Folder.open_root(root)

    def close(self) -> None:
        """Let go of the folder where the walk has come to."""
        self._folder.close()

    def find(self, *, follow: bool) -> Spot:
        """Walk to the end of the path."""
        while True:
            name = self._next_name()
            status = self._entry(name)
            self._on_step(f"looked:{name}")
            if status is None:
                return self._missing(name)
            if stat.S_ISLNK(status.st_mode):
                self._turn(name, follow=follow)
            elif self._ahead:
                self._enter(name, status)
            else:
                return Spot(self._folder, (), name, status, self._checked(name))

    def _next_name(self) -> str:
        """The next segment that is a name; the targets of links also bring `..`."""
        while self._ahead:
            name = self._ahead.popleft()
            if name != "..":
                return name
            self._climb()
        raise not_a_file(self._path, "folder")

    def _move_to(self, folder: Folder) -> None:
        """Hold one folder at a time: descriptors are few."""
        self._folder.close()
        self._folder = folder

    def _climb(self) -> None:
        """One folder up; what is behind us holds no links, so the text says where that is."""
        if not self._behind:
            raise outside(self._path)
        self._restart([*self._behind[:-1], *self._ahead])

    def _restart(self, ahead: list[str]) -> None:
        """Walk again from the root."""
        self._links += 1
        if self._links > _MAX_LINKS:
            raise not_a_file(self._path, "symlink loop")
        self._behind = []
        self._ahead = deque(ahead)
        self._move_to(Folder.open_root(self._root))

    def _entry(self, name: str) -> os.stat_result | None:
        """Status of the entry with exactly this name; `INVALID_PATH` for one that only looks so."""
        try:
            status = self._folder.status(name)
        except FileNotFoundError:
            status = None
        if status is not None and self._is_exact(name, status):
            return status
        key = same_file_key(name)
        like = [entry for entry in self._folder.names() if same_file_key(entry) == key]
        if like and name not in like:
            existing = "/".join([*self._behind, like[0]])
            raise invalid_path(self._path, "twin", existing=existing)
        return status

    def _is_exact(self, name: str, status: os.stat_result) -> bool:
        """Whether the name is surely spelled so on the disk, found out without listing."""
        other = name.swapcase()
        if not name.isascii():
            return False
        if other == name:
            return True
        try:
            return not os.path.samestat(self._folder.status(other), status)
        except FileNotFoundError:
            return True

    def _turn(self, name: str, *, follow: bool) -> None:
        """Go where a symlink points, by its text; or refuse it, and say where it points."""
        if not follow:
            with walk(self._root, self._path, follow=True) as spot:
                raise not_a_file(self._path, "symlink", target=spot.path)
        target = Path(self._folder.link_target(name))
        if not target.is_absolute():
            self._restart([*self._behind, *target.parts, *self._ahead])
        elif target.is_relative_to(self._root):
            self._restart([*target.relative_to(self._root).parts, *self._ahead])
        else:
            raise outside(self._path)

    def _enter(self, name: str, status: os.stat_result) -> None:
        """Open the next folder."""
        here = "/".join([*self._behind, name])
        if not stat.S_ISDIR(status.st_mode):
            raise not_a_file(here, kind_of(status))
        try:
            self._move_to(self._folder.enter(name))
        except OSError as error:
            if error.errno in _SWAPPED:
                raise not_a_file(here, "symlink") from error
            raise
        self._behind.append(name)

    def _missing(self, name: str) -> Spot:
        """The end of what exists."""
        path = self._checked("/".join([name, *self._ahead]))
        folders = (name, *self._ahead)
        return Spot(self._folder, folders[:-1], folders[-1], None, path)

    def _checked(self, rest: str) -> str:
        """The real path; a link must not lead to what a path may not name."""
        path = "/".join([*self._behind, rest])
        if self._links and path_problem(path) == "reserved":
            raise invalid_path(self._path, "reserved")
        return path
