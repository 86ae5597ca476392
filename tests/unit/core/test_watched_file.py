import os
from pathlib import Path

import anyio
import pytest

from codelab_core import watched_file
from codelab_core.watched_file import WatchedFile


def number(text: str) -> int:
    """What the file holds."""
    return int(text)


def test_a_file_is_read_at_once_and_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "n"
    file.write_text("1")
    watched = WatchedFile(file, number)

    file.write_text("22")
    before = watched.value
    watched.refresh()

    assert (before, watched.value) == (1, 22)


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "n"
    reads: list[str] = []
    file.write_text("1")
    watched = WatchedFile(file, reads.append)

    watched.refresh()

    assert reads == ["1"]


def test_a_swapped_link_is_a_change_even_with_the_same_time_and_size(tmp_path: Path) -> None:
    """A mounted Secret: `file -> ..data/file`, `..data -> folder of the version`."""
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        os.utime(tmp_path / name / "file", ns=(10**18, 10**18))
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "file").symlink_to("..data/file")
    watched = WatchedFile(tmp_path / "file", number)

    (tmp_path / "..data_tmp").symlink_to("2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    watched.refresh()

    assert watched.value == 2


def test_what_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "n"
    file.write_text("1")
    watched = WatchedFile(file, number)

    file.write_text("damaged")
    watched.refresh()
    damaged = watched.value
    file.unlink()
    watched.refresh()
    missing = watched.value
    file.write_text("333")
    watched.refresh()

    assert (damaged, missing, watched.value) == (1, 1, 333)


def test_at_the_start_the_file_must_be_good(tmp_path: Path) -> None:
    file = tmp_path / "n"
    with pytest.raises(FileNotFoundError):
        WatchedFile(file, number)
    file.write_text("x")
    with pytest.raises(ValueError, match="invalid literal"):
        WatchedFile(file, number)


async def test_the_file_is_watched_until_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_file, "POLL_S", 0.001)
    file = tmp_path / "n"
    file.write_text("1")
    watched = WatchedFile(file, number)

    file.write_text("22")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watched.watch)
            while watched.value == 1:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    assert watched.value == 22
