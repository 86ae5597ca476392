"""A lock between processes, held by an open file: the system frees it when its holder dies."""

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        """Lock a byte far behind the end, which nobody reads. Raises `OSError` when it is taken."""
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        """Lock the whole file. Raises `OSError` when it is taken."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TAKEN: Final = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_PAUSE_S: Final = 0.01


def try_lock(descriptor: int) -> bool:
    """Whether the file is now locked by `descriptor`; at once. Threads exclude each other too."""
    try:
        _try_lock(descriptor)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def lock(descriptor: int, *, wait_s: float = 30.0) -> None:
    """Lock the file of `descriptor` until it is closed.

    Blocks for at most `wait_s`, then raises `OSError` with `ETIMEDOUT`.
    """
    pause = threading.Event()
    for _ in range(max(1, int(wait_s / _PAUSE_S))):
        if try_lock(descriptor):
            return
        pause.wait(_PAUSE_S)
    raise OSError(errno.ETIMEDOUT, "another program holds the lock")


@contextmanager
def locked(path: str | os.PathLike[str], *, wait_s: float = 30.0) -> Iterator[None]:
    """Hold the lock of the file at `path`, which is made when it is not there."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock(descriptor, wait_s=wait_s)
        yield
    finally:
        os.close(descriptor)
