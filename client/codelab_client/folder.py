"""One directory held open: what was checked is what is used, whatever is swapped in meanwhile.

Every name is a single segment. No operation follows a symlink. Where the system cannot open
directories (Windows) the path stands in for the descriptor, and links are checked by name only.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_BY_DESCRIPTOR: Final = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW
# A pipe or device that was swapped in must not block or become our terminal.
_CALM: Final = (
    getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
)


class Folder:
    """An open directory; closes with its block. All methods raise `OSError` as the system does."""

    def __init__(self, path: str, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def open_root(cls, path: Path) -> Self:
        """The directory at an absolute path without symlinks."""
        return cls(str(path), os.open(path, _FOLDER) if _BY_DESCRIPTOR else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the directory; twice is fine."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def enter(self, name: str) -> "Folder":
        """A directory in this one. Raises `NotADirectoryError` or `ELOOP` for a symlink."""
        place = self._place(name)
        if _BY_DESCRIPTOR:
            return Folder(self._below(name), os.open(place, _FOLDER, dir_fd=self._descriptor))
        if not stat.S_ISDIR(self.status(name).st_mode) or os.path.isjunction(place):
            raise NotADirectoryError(place)
        return Folder(self._below(name), None)

    def again(self) -> "Folder":
        """The same directory, to be closed by itself."""
        return Folder(self._path, None if self._descriptor is None else os.dup(self._descriptor))

    def status(self, name: str) -> os.stat_result:
        """What the entry itself is; a symlink is not followed."""
        return os.stat(self._place(name), dir_fd=self._descriptor, follow_symlinks=False)

    def names(self) -> list[str]:
        """All entries, in no order; bytes that are not UTF-8 come as lone surrogates."""
        with os.scandir(self._path if self._descriptor is None else self._descriptor) as entries:
            return [entry.name for entry in entries]

    def link_target(self, name: str) -> str:
        """Where a symlink points, as it was written."""
        return os.readlink(self._place(name), dir_fd=self._descriptor)

    def open_for_reading(self, name: str) -> int:
        """A descriptor of an entry, which need not be a regular file: look before you read."""
        flags = os.O_RDONLY | _NO_FOLLOW | _CALM
        return os.open(self._place(name), flags, dir_fd=self._descriptor)

    def create(self, name: str, mode: int) -> int:
        """A descriptor for writing a new file; `mode` is cut by the umask.

        Raises `FileExistsError` for anything that is there, a dangling symlink too.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _CALM
        return os.open(self._place(name), flags, mode, dir_fd=self._descriptor)

    def make_folder(self, name: str) -> None:
        os.mkdir(self._place(name), dir_fd=self._descriptor)

    def replace(self, name: str, target: str) -> None:
        """Rename inside this directory; `target` is replaced in one step."""
        os.replace(
            self._place(name),
            self._place(target),
            src_dir_fd=self._descriptor,
            dst_dir_fd=self._descriptor,
        )

    def link(self, name: str, second: str) -> None:
        """A second name for a file. Raises `OSError` where there is no such thing."""
        if os.link not in os.supports_follow_symlinks:
            raise OSError(errno.ENOTSUP, "links to links cannot be made here")
        os.link(
            self._place(name),
            self._place(second),
            src_dir_fd=self._descriptor,
            dst_dir_fd=self._descriptor,
            follow_symlinks=False,
        )

    def remove(self, name: str) -> None:
        os.unlink(self._place(name), dir_fd=self._descriptor)

    def discard(self, name: str) -> None:
        """Remove what may or may not be there; never fails."""
        with suppress(OSError):
            self.remove(name)

    def remove_folder(self, name: str) -> None:
        os.rmdir(self._place(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Make names durable: a rename is on the disk only after this."""
        if self._descriptor is None:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # some network file systems know no such thing
                raise

    def _place(self, name: str) -> str:
        """`name` as the system calls want it."""
        return name if self._descriptor is not None else self._below(name)

    def _below(self, name: str) -> str:
        """Path of an entry, for people and for systems without descriptors."""
        return f"{self._path}{os.sep}{name}"
