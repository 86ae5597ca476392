import os
from pathlib import Path

import pytest

from codelab_client.folder import Folder
from codelab_client.replacement import Change, Replacement
from codelab_client.workspace import Workspace


def prepared(
    root: Path, name: str, content: bytes | None, *, executable: bool | None = None
) -> Replacement:
    seen = Workspace(root).look(name)
    change = Change(seen, content, executable)
    replacement = Replacement(change, Folder.open_root(root), name, ".stage")
    replacement.prepare(None if seen.stamp is None else (root / name).lstat())
    return replacement


def tree(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir()}


def test_nothing_is_changed_by_preparing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    replacement = prepared(tmp_path, "a", b"new")

    assert tree(tmp_path) == {"a": b"old", ".stage": b"new", ".stage.old": b"old"}
    replacement.discard()
    assert tree(tmp_path) == {"a": b"old"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"old", b"new", id="replaced"),
        pytest.param(None, b"new", id="made"),
        pytest.param(b"old", None, id="removed"),
    ],
)
def test_a_swap_is_done_and_undone(
    tmp_path: Path, before: bytes | None, after: bytes | None
) -> None:
    old = {} if before is None else {"a": before}
    new = {} if after is None else {"a": after}
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)

    replacement = prepared(tmp_path, "a", after)
    replacement.swap()
    swapped = tree(tmp_path)
    replacement.undo()
    replacement.discard()

    assert new == {name: swapped[name] for name in swapped if not name.startswith(".stage")}
    assert old == tree(tmp_path)


def test_undoing_what_was_not_done_does_nothing(tmp_path: Path) -> None:
    replacement = prepared(tmp_path, "a", b"new")

    replacement.undo()

    assert tree(tmp_path) == {".stage": b"new"}


def test_the_old_file_comes_back_with_its_inode_and_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    before = (tmp_path / "a").stat()

    replacement = prepared(tmp_path, "a", b"new")
    replacement.swap()
    replacement.undo()

    after = (tmp_path / "a").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_file_is_current_until_somebody_changes_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    replacement = prepared(tmp_path, "a", b"new")

    before = replacement.is_current()
    (tmp_path / "a").write_bytes(b"edited")

    assert (before, replacement.is_current()) == (True, False)


def test_a_file_that_is_to_be_made_is_current_while_it_is_absent(tmp_path: Path) -> None:
    replacement = prepared(tmp_path, "a", b"new")

    before = replacement.is_current()
    (tmp_path / "a").touch()

    assert (before, replacement.is_current()) == (True, False)


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o755, 0o444, 0o751])
def test_the_mode_of_the_old_file_is_kept(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(mode)

    prepared(tmp_path, "a", b"new").swap()

    assert oct(mode) == oct((tmp_path / "a").stat().st_mode & 0o7777)


@pytest.mark.parametrize(
    ("before", "executable", "after"),
    [
        pytest.param(0o644, True, 0o755, id="set-for-all-readers"),
        pytest.param(0o600, True, 0o700, id="set-for-the-owner"),
        pytest.param(0o755, False, 0o644, id="cleared"),
        pytest.param(0o4755, None, 0o755, id="set-user-id-goes"),
    ],
)
def test_the_executable_bits_follow_the_change(
    tmp_path: Path, before: int, after: int, *, executable: bool | None
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(before)

    prepared(tmp_path, "a", b"new", executable=executable).swap()

    assert oct(after) == oct((tmp_path / "a").stat().st_mode & 0o7777)


@pytest.mark.parametrize(("executable", "mode"), [(None, 0o640), (True, 0o750), (False, 0o640)])
def test_a_new_file_has_the_mode_that_the_umask_leaves(
    tmp_path: Path, mode: int, *, executable: bool | None
) -> None:
    umask = os.umask(0o027)
    try:
        prepared(tmp_path, "a", b"new", executable=executable).swap()
    finally:
        os.umask(umask)

    assert oct(mode) == oct((tmp_path / "a").stat().st_mode & 0o7777)


def test_a_new_file_may_bring_the_mode_of_another(tmp_path: Path) -> None:
    change = Change(Workspace(tmp_path).look("a"), b"new", None, 0o600)
    replacement = Replacement(change, Folder.open_root(tmp_path), "a", ".stage")

    replacement.prepare(None)
    replacement.swap()

    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives files away")
def test_the_owner_of_the_old_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    os.chown(tmp_path / "a", 65534, 65534)

    prepared(tmp_path, "a", b"new").swap()

    status = (tmp_path / "a").stat()
    assert (status.st_uid, status.st_gid) == (65534, 65534)


def test_what_a_crash_left_under_our_names_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / ".stage").write_bytes(b"torn")
    (tmp_path / ".stage.old").symlink_to("/etc/passwd")

    prepared(tmp_path, "a", b"new")

    assert tree(tmp_path) == {"a": b"old", ".stage": b"new", ".stage.old": b"old"}


def test_where_there_are_no_links_the_old_content_is_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    seen = Workspace(tmp_path).look("a")
    (tmp_path / "a").unlink()

    replacement = Replacement(Change(seen, b"new"), Folder.open_root(tmp_path), "a", ".stage")
    replacement.prepare(None)

    assert tree(tmp_path) == {".stage": b"new", ".stage.old": b"old"}


def test_an_old_file_that_cannot_be_brought_back_is_not_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    replacement = prepared(tmp_path, "a", b"new")
    replacement.swap()
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()

    with pytest.raises(IsADirectoryError):
        replacement.undo()
    replacement.discard()

    assert (tmp_path / ".stage.old").read_bytes() == b"old"
