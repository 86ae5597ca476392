import errno
import os
import threading
from pathlib import Path

import pytest

from codelab_client.file_lock import lock, locked, try_lock


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    first = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    second = os.open(tmp_path / "lock", os.O_RDWR)

    taken = (try_lock(first), try_lock(second))
    os.close(first)

    assert taken == (True, False)
    assert try_lock(second)
    os.close(second)


def test_waiting_for_a_lock_ends(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        descriptor = os.open(tmp_path / "lock", os.O_RDWR)
        with pytest.raises(OSError, match="another program") as caught:
            lock(descriptor, wait_s=0.02)
        os.close(descriptor)

    assert caught.value.errno == errno.ETIMEDOUT


def test_whoever_waits_goes_on_when_the_lock_is_free(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with locked(tmp_path / "lock"):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked(tmp_path / "lock"):
        thread.start()
        waiting.wait(5)
        order.append("first")
    thread.join(5)

    assert order == ["first", "second"]


def test_what_is_no_file_raises(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), locked(tmp_path):
        pass


def test_a_broken_descriptor_is_no_taken_lock(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    os.close(descriptor)

    with pytest.raises(OSError, match="Bad file descriptor"):
        try_lock(descriptor)
