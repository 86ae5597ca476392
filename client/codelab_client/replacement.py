"""One file on its way from old to new: staged beside it, swapped in one step, undone if need be."""

import os
from contextlib import suppress
from dataclasses import dataclass

from codelab_client.folder import Folder
from codelab_client.workspace import Seen, stamp_of


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file; no `content` removes it, `executable` `None` keeps the mode.

    `mode` are the permission bits of a new file, `None` for the usual ones.
    """

    seen: Seen
    content: bytes | None
    executable: bool | None = None
    mode: int | None = None

    @property
    def path(self) -> str:
        """Where the file is."""
        return self.seen.path


@dataclass(slots=True)
class Replacement:
    """A change in its folder. Methods raise `OSError`.

    `old` is a second name of the old file, from `prepare` on; `done` tells whether `swap` was.
    """

    change: Change
    folder: Folder
    name: str
    stage: str
    old: str | None = None
    done: bool = False

    def prepare(self, status: os.stat_result | None) -> None:
        """Bring new and old content to safe places; `status` is that of the file there is."""
        self.folder.discard(self.stage)
        if self.change.content is not None:
            self._write(self.change.content, status)
        if self.change.seen.content is not None:
            self._keep_old(self.change.seen.content)

    def is_current(self) -> bool:
        """Whether the file is still the one that was seen."""
        try:
            return stamp_of(self.folder.status(self.name)) == self.change.seen.stamp
        except FileNotFoundError:
            return self.change.seen.stamp is None

    def swap(self) -> None:
        """The one step in which the file changes."""
        if self.change.content is None:
            self.folder.remove(self.name)
        else:
            self.folder.replace(self.stage, self.name)
        self.done = True

    def undo(self) -> None:
        """Bring the old file back, or remove the new one, if `swap` was done.

        When this fails `old` stays on the disk: it is the only copy of the old content.
        """
        if not self.done:
            return
        old, self.old = self.old, None
        if old is not None:
            self.folder.replace(old, self.name)
        else:
            self.folder.remove(self.name)
        self.done = False

    def discard(self) -> None:
        """Remove what `prepare` made; never fails."""
        for name in (self.stage, self.old):
            if name is not None:
                self.folder.discard(name)

    def _write(self, content: bytes, status: os.stat_result | None) -> None:
        """Fill the staged file and make it durable."""
        usual = 0o777 if self.change.executable else 0o666
        with os.fdopen(self.folder.create(self.stage, usual), "wb") as file:
            file.write(content)
            file.flush()
            if hasattr(os, "fchown"):
                _set_mode(file.fileno(), self.change, status)
            os.fsync(file.fileno())

    def _keep_old(self, content: bytes) -> None:
        """A second name for the old file, or a copy where the file system has no links."""
        old = f"{self.stage}.old"
        self.folder.discard(old)
        try:
            self.folder.link(self.name, old)
        except OSError:
            with os.fdopen(self.folder.create(old, 0o666), "wb") as file:
                file.write(content)
        self.old = old


def _set_mode(descriptor: int, change: Change, status: os.stat_result | None) -> None:
    """Mode and owner of the file that is replaced; `change.mode` where there is none."""
    mode = change.mode
    if status is not None:
        mode = status.st_mode & 0o777
        with suppress(OSError):  # only the superuser may give files away
            os.fchown(descriptor, status.st_uid, status.st_gid)
    if mode is not None:
        os.fchmod(descriptor, _with_executable(mode, executable=change.executable))


def _with_executable(mode: int, *, executable: bool | None) -> int:
    """Permission bits with the executable ones set for whoever may read, or cleared, or kept."""
    if executable is None:
        return mode
    return mode | (mode & 0o444) >> 2 if executable else mode & ~0o111
