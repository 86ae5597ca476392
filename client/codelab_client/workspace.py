"""The person's files: reading them, and what was seen of them before a change.

With `trail`, `folder` and `swap` the only code that touches them; nothing here leaves the root.
"""

import difflib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codelab_client.failures import (
    check_path,
    file_not_found,
    file_too_large,
    from_os_error,
    not_a_file,
)
from codelab_client.folder import Folder
from codelab_client.trail import OnStep, Spot, kind_of, no_step, walk
from codelab_core.patch.text import sha256_of
from codelab_core.tools import FILE_MAX_BYTES

MAX_SIMILAR: Final = 3
_MOST_NAMES: Final = 5_000
_EXECUTABLE: Final = 0o111

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, modification time in ns and mode: another one, another file."""


def stamp_of(status: os.stat_result) -> Stamp:
    """What tells a file from its next version without reading it."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when it was looked at; `content` and `stamp` are `None` for no file."""

    path: str
    content: bytes | None
    stamp: Stamp | None

    @property
    def mode(self) -> int | None:
        """Permission bits, without set-user-id and its like."""
        return self.stamp[4] & 0o777 if self.stamp else None

    @property
    def executable(self) -> bool:
        """Whether anyone may execute it."""
        return bool((self.mode or 0) & _EXECUTABLE)

    @property
    def sha(self) -> str:
        """SHA-256 of the content, or `absent`."""
        return sha256_of(self.content)


class Workspace:
    """One folder, named by its real path. All methods block; run them in a thread."""

    def __init__(self, root: Path, *, on_step: OnStep = no_step) -> None:
        self.root = root.resolve(strict=True)
        self.on_step = on_step

    def read(self, path: str, limit: int = FILE_MAX_BYTES) -> Seen:
        """A file for reading; a symlink inside the root is followed.

        Raises `ToolError`: the codes of `walk`, `FILE_NOT_FOUND`, `NOT_A_FILE`, `FILE_TOO_LARGE`.
        """
        with self._spot(path, follow=True) as spot:
            if spot.status is None:
                raise file_not_found(path, _similar(spot))
            return _seen(spot, path, spot.status, limit)

    def look(self, path: str, limit: int = FILE_MAX_BYTES) -> Seen:
        """A file, or its absence, before it is written; a symlink is refused."""
        with self._spot(path, follow=False) as spot:
            if spot.status is None:
                return Seen(path, None, None)
            return _seen(spot, path, spot.status, limit)

    @contextmanager
    def folder(self, path: str) -> Iterator[Folder]:
        """An open folder; `.` is the root. Raises as `read` does."""
        check_path(path, allow_root=True)
        if path == ".":
            with Folder.open_root(self.root) as root:
                yield root
            return
        with self._spot(path, follow=False) as spot:
            if spot.status is None:
                raise file_not_found(path, _similar(spot))
            if not stat.S_ISDIR(spot.status.st_mode):
                raise not_a_file(path, kind_of(spot.status))
            with spot.folder.enter(spot.name) as folder:
                yield folder

    def kind(self, path: str) -> str:
        """`file`, `folder` or another kind of entry. Raises `FILE_NOT_FOUND` for none."""
        check_path(path, allow_root=True)
        if path == ".":
            return "folder"
        with self._spot(path, follow=False) as spot:
            if spot.status is None:
                raise file_not_found(path, _similar(spot))
            return kind_of(spot.status)

    @contextmanager
    def _spot(self, path: str, *, follow: bool) -> Iterator[Spot]:
        """Where a path leads, after the check of its text."""
        check_path(path)
        with walk(self.root, path, follow=follow, on_step=self.on_step) as spot:
            yield spot


def _seen(spot: Spot, path: str, status: os.stat_result, limit: int) -> Seen:
    """Read the regular file at a spot, at most `limit` bytes of it."""
    if not stat.S_ISREG(status.st_mode):
        raise not_a_file(path, kind_of(status))
    try:
        with os.fdopen(spot.folder.open_for_reading(spot.name), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise not_a_file(path, kind_of(status))
            if status.st_size > limit:
                raise file_too_large(path, status.st_size, limit)
            content = _read(file.fileno(), status.st_size, limit)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise not_a_file(path, "symlink") from error
        raise from_os_error(error, path) from error
    if len(content) > limit:
        raise file_too_large(path, len(content), limit)
    return Seen(path, content, stamp_of(status))


def _read(descriptor: int, size: int, limit: int) -> bytes:
    """Everything to the end, but not much more than `limit`: a file may grow while it is read."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) <= limit and (piece := os.read(descriptor, size + 1)):
        pieces.append(piece)
    return b"".join(pieces)


def _similar(spot: Spot) -> list[str]:
    """Entries beside the first missing segment that are spelled much like it."""
    wanted = (*spot.missing, spot.name)[0]
    prefix = spot.path.removesuffix("/".join((*spot.missing, spot.name)))
    names = [name for name in spot.folder.names()[:_MOST_NAMES] if name.isprintable()]
    return [prefix + name for name in difflib.get_close_matches(wanted, names, MAX_SIMILAR)]


def state_folder(state_home: Path, root: Path) -> Path:
    """Where what belongs to a workspace is kept outside of it, by the hash of its real path."""
    key = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    return state_home / "codelab" / key
