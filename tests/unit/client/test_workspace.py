import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codelab_client.workspace import Workspace, state_folder
from codelab_core.tool_errors import ToolError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "src").mkdir(parents=True)
    (made / "src" / "main.py").write_bytes(b"print()\n")
    (made / "run.sh").write_bytes(b"#!/bin/sh\n")
    (made / "run.sh").chmod(0o755)
    return made


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder whose owner is not the superuser, and we are that owner."""
    folder = Path(tempfile.mkdtemp())
    uid = os.geteuid()
    if uid == 0:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    yield folder
    os.seteuid(uid)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


def failure(call: Callable[..., object], *arguments: object) -> tuple[str, dict[str, object]]:
    with pytest.raises(ToolError) as caught:
        call(*arguments)
    return str(caught.value.code), caught.value.details


def test_a_file_is_read_with_its_facts(root: Path) -> None:
    seen = Workspace(root).read("run.sh")

    assert (seen.content, seen.executable, seen.mode) == (b"#!/bin/sh\n", True, 0o755)
    assert hashlib.sha256(b"#!/bin/sh\n").hexdigest() == seen.sha


def test_a_file_that_is_not_there_is_seen_as_absent(root: Path) -> None:
    seen = Workspace(root).look("src/new/deep.py")

    assert (seen.content, seen.mode, seen.sha, seen.executable) == (None, None, "absent", False)


def test_the_root_may_be_named_through_a_symlink(root: Path) -> None:
    (root.parent / "alias").symlink_to("root")

    assert Workspace(root.parent / "alias").read("src/main.py").content == b"print()\n"


def test_a_missing_file_comes_with_at_most_three_names_like_it(root: Path) -> None:
    for name in ("main.pyi", "mains.py", "maim.py", "other.txt"):
        (root / "src" / name).touch()

    code, details = failure(Workspace(root).read, "src/main.pyx")

    best = ["src/main.py", "src/mains.py", "src/main.pyi"]
    assert ("FILE_NOT_FOUND", {"path": "src/main.pyx", "similar": best}) == (code, details)


def test_a_missing_folder_comes_with_folders_like_it(root: Path) -> None:
    facts = {"path": "scr/main.py", "similar": ["src"]}

    assert failure(Workspace(root).read, "scr/main.py") == ("FILE_NOT_FOUND", facts)


def test_names_that_cannot_be_shown_are_not_offered(root: Path) -> None:
    (root / os.fsdecode(b"abc\xe9.py")).touch()

    assert failure(Workspace(root).read, "abce.py")[1] == {"path": "abce.py", "similar": []}


@pytest.mark.parametrize("method", ["read", "look"])
def test_what_is_no_regular_file_is_refused(root: Path, method: str) -> None:
    os.mkfifo(root / "pipe")
    call = getattr(Workspace(root), method)

    assert failure(call, "src") == ("NOT_A_FILE", {"path": "src", "kind": "folder"})
    assert failure(call, "pipe") == ("NOT_A_FILE", {"path": "pipe", "kind": "pipe"})


def test_a_symlink_is_read_but_not_looked_at(root: Path) -> None:
    (root / "link").symlink_to("src/main.py")
    workspace = Workspace(root)

    assert workspace.read("link").content == b"print()\n"
    assert failure(workspace.look, "link")[0] == "NOT_A_FILE"


def test_a_file_above_the_limit_is_refused(root: Path) -> None:
    workspace = Workspace(root)

    facts = {"path": "src/main.py", "file_size": 8, "max_size": 7}
    assert failure(workspace.read, "src/main.py", 7) == ("FILE_TOO_LARGE", facts)
    assert workspace.read("src/main.py", 8).content == b"print()\n"


def test_a_file_that_grows_while_it_is_read_is_not_followed_for_ever(root: Path) -> None:
    """Files of /proc say size 0 and hold more, as a file does that is written to."""
    (root / "grows").symlink_to("/proc/self/status")
    workspace = Workspace(Path("/proc/self"))

    assert failure(workspace.read, "status", 10)[0] == "FILE_TOO_LARGE"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a\0b", ".git/config", "", "a//b"])
def test_a_bad_path_never_reaches_the_disk(root: Path, path: str) -> None:
    workspace = Workspace(root, on_step=pytest.fail)

    for call in (workspace.read, workspace.look, workspace.kind):
        assert failure(call, path)[0] == "INVALID_PATH"


def test_a_file_swapped_for_a_symlink_before_it_is_opened_is_not_followed(root: Path) -> None:
    (root.parent / "canary").write_text("secret")

    def interfere(step: str) -> None:
        if step == "looked:main.py":
            (root / "src" / "main.py").unlink()
            (root / "src" / "main.py").symlink_to("../../canary")

    workspace = Workspace(root, on_step=interfere)

    facts = {"path": "src/main.py", "kind": "symlink"}
    assert failure(workspace.read, "src/main.py") == ("NOT_A_FILE", facts)


def test_a_file_swapped_for_a_pipe_does_not_block(root: Path) -> None:
    def interfere(step: str) -> None:
        if step == "looked:main.py":
            (root / "src" / "main.py").unlink()
            os.mkfifo(root / "src" / "main.py")

    facts = {"path": "src/main.py", "kind": "pipe"}
    assert failure(Workspace(root, on_step=interfere).read, "src/main.py") == ("NOT_A_FILE", facts)


def test_a_file_that_vanishes_before_it_is_opened_is_a_failure(root: Path) -> None:
    def interfere(step: str) -> None:
        if step == "looked:main.py":
            (root / "src" / "main.py").unlink()

    code, details = failure(Workspace(root, on_step=interfere).read, "src/main.py")

    assert (code, details["errno"]) == ("IO_ERROR", errno.ENOENT)


def test_a_file_that_may_not_be_read_is_denied(open_folder: Path) -> None:
    (open_folder / "secret").write_text("x")
    (open_folder / "secret").chmod(0)

    denied = ("PERMISSION_DENIED", {"path": "secret"})
    assert failure(Workspace(open_folder).read, "secret") == denied


def test_a_folder_that_may_not_be_listed_has_no_similar_names(open_folder: Path) -> None:
    (open_folder / "dark").mkdir(mode=0o300)

    assert failure(Workspace(open_folder).read, "dark/x")[0] == "PERMISSION_DENIED"


def test_folders_are_opened_by_path(root: Path) -> None:
    workspace = Workspace(root)

    with workspace.folder("src") as folder:
        assert folder.names() == ["main.py"]
    with workspace.folder(".") as folder:
        assert {"src", "run.sh"} == set(folder.names())


@pytest.mark.parametrize(
    ("path", "code"),
    [("run.sh", "NOT_A_FILE"), ("gone", "FILE_NOT_FOUND"), ("../x", "INVALID_PATH")],
)
def test_what_is_no_folder_is_not_opened(root: Path, path: str, code: str) -> None:
    with pytest.raises(ToolError) as caught, Workspace(root).folder(path):
        pass

    assert code == str(caught.value.code)


def test_the_kind_of_an_entry_is_told(root: Path) -> None:
    workspace = Workspace(root)

    assert [workspace.kind(p) for p in (".", "src", "run.sh")] == ["folder", "folder", "file"]
    assert failure(workspace.kind, "run.sj") == (
        "FILE_NOT_FOUND",
        {"path": "run.sj", "similar": ["run.sh"]},
    )


def test_each_workspace_has_its_own_state_outside(root: Path) -> None:
    (root.parent / "alias").symlink_to("root")
    home = Path("/state")

    folders = {state_folder(home, path) for path in (root, root.parent / "alias", root / "src")}

    assert len(folders) == 2
    assert {home / "codelab"} == {folder.parent for folder in folders}
