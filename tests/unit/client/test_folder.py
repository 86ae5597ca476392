import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codelab_client.folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("sub")
    (tmp_path / "file-link").symlink_to("file")
    with Folder.open_root(tmp_path) as opened:
        yield opened


def test_a_folder_knows_its_entries(folder: Folder) -> None:
    assert {"sub", "file", "link", "file-link"} == set(folder.names())


def test_names_can_be_listed_twice(folder: Folder) -> None:
    assert folder.names() == folder.names()


def test_no_operation_goes_through_a_symlink(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        folder.enter("link")
    with pytest.raises(OSError, match="symbolic"):
        folder.open_for_reading("file-link")
    with pytest.raises(FileExistsError):
        folder.create("file-link", 0o666)
    folder.link("file-link", "second")

    assert (tmp_path / "second").is_symlink()
    assert folder.link_target("file-link") == "file"


def test_an_open_folder_stays_the_same_when_its_name_moves(folder: Folder, tmp_path: Path) -> None:
    with folder.enter("sub") as sub:
        (tmp_path / "sub").rename(tmp_path / "moved")
        (tmp_path / "sub").symlink_to("/")
        os.close(sub.create("made", 0o666))

    assert (tmp_path / "moved" / "made").exists()


def test_replacing_a_symlink_replaces_the_link_itself(folder: Folder, tmp_path: Path) -> None:
    os.close(folder.create("new", 0o666))

    folder.replace("new", "file-link")

    assert not (tmp_path / "file-link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"content"


def test_reading_a_pipe_does_not_wait(folder: Folder, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    os.close(folder.open_for_reading("pipe"))


def test_a_second_handle_outlives_the_first(folder: Folder) -> None:
    again = folder.again()
    folder.close()
    folder.close()

    assert again.status("file").st_size == 7
    again.close()


def test_discarding_what_is_not_there_is_fine(folder: Folder) -> None:
    folder.discard("nothing")
    folder.discard("file")

    assert "file" not in folder.names()


def test_folders_are_made_and_removed(folder: Folder) -> None:
    folder.make_folder("new")
    made = "new" in folder.names()
    folder.remove_folder("new")
    folder.sync()

    assert made
    assert "new" not in folder.names()


def test_where_links_to_links_cannot_be_made_none_is(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "supports_follow_symlinks", set())

    with pytest.raises(OSError, match="cannot be made"):
        folder.link("file", "second")


class TestWithoutDescriptors:
    """The way of systems that cannot open folders: everything by path."""

    @pytest.fixture(autouse=True)
    def _by_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("codelab_client.folder._BY_DESCRIPTOR", False)

    def test_entries_are_found_by_path(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()

        with Folder.open_root(tmp_path) as folder, folder.enter("sub") as sub:
            os.close(sub.create("made", 0o666))
            sub.sync()
            names = sub.again().names()

        assert names == ["made"]
        assert (tmp_path / "sub" / "made").exists()

    def test_a_symlink_is_refused_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "link").symlink_to("sub")

        with Folder.open_root(tmp_path) as folder, pytest.raises(NotADirectoryError):
            folder.enter("link")


def test_a_file_system_without_durable_names_is_no_failure(folder: Folder) -> None:
    reading, writing = os.pipe()
    pipe = Folder("pipe", reading)

    pipe.sync()

    pipe.close()
    os.close(writing)


def test_other_failures_of_making_names_durable_are_told(folder: Folder) -> None:
    reading, writing = os.pipe()
    pipe = Folder("pipe", reading)
    os.close(reading)

    with pytest.raises(OSError, match="Bad file descriptor"):
        pipe.sync()
    os.close(writing)
