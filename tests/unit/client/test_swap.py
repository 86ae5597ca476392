import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from codelab_client.replacement import Change
from codelab_client.swap import swap, sweep
from codelab_client.workspace import Workspace
from codelab_core.patch.text import sha256_of
from codelab_core.tool_errors import ToolError

Step = Callable[[Path, str], None]


def tree(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


def changed(
    root: Path, new: dict[str, bytes | None], interfere: Step = lambda _root, _step: None
) -> None:
    """Swap the files; `interfere` gets the name of each step of it."""
    looking = Workspace(root)
    workspace = Workspace(root, on_step=lambda step: interfere(root, step))
    changes = [Change(looking.look(path), content) for path, content in new.items()]
    swap(workspace, changes, "c1-1-0")


def failure(root: Path, new: dict[str, bytes | None], interfere: Step) -> ToolError:
    with pytest.raises(ToolError) as caught:
        changed(root, new, interfere)
    return caught.value


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "src").mkdir(parents=True)
    (made / "src" / "a").write_bytes(b"a1")
    (made / "src" / "b").write_bytes(b"b1")
    (made / "c").write_bytes(b"c1")
    return made


NEW: dict[str, bytes | None] = {"src/a": b"a2", "src/b": None, "c": b"c2", "new/deep/d": b"d2"}
OLD_TREE = {"c": b"c1", "src": None, "src/a": b"a1", "src/b": b"b1"}


def test_files_are_replaced_removed_and_made_as_one(root: Path) -> None:
    changed(root, NEW)

    made = {"new": None, "new/deep": None, "new/deep/d": b"d2"}
    assert {"c": b"c2", **made, "src": None, "src/a": b"a2"} == tree(root)


def test_everything_is_staged_before_the_first_change_and_removals_come_last(root: Path) -> None:
    steps: list[str] = []
    trees: list[dict[str, bytes | None]] = []

    def watch(folder: Path, step: str) -> None:
        if not step.startswith("looked"):
            steps.append(step)
            trees.append({path: tree(folder).get(path) for path in ("src/a", "src/b", "c")})

    changed(root, NEW, watch)

    numbers = range(4)
    assert [*(f"staged:{n}" for n in numbers), *(f"swapped:{n}" for n in numbers)] == steps
    assert trees[:4] == [{"src/a": b"a1", "src/b": b"b1", "c": b"c1"}] * 4
    assert trees[6] == {"src/a": b"a2", "src/b": b"b1", "c": b"c2"}


def remove_stage(root: Path, step: str) -> None:
    if step == "staged:3":
        (root / "c").parent.joinpath(".codelab-c1-1-0-2").unlink()


def test_a_rename_that_fails_undoes_those_before_it(root: Path) -> None:
    error = failure(root, NEW, remove_stage)

    facts = {"path": "c", "errno": errno.ENOENT, "rolled_back": True}
    assert ("IO_ERROR", facts) == (str(error.code), error.details)
    assert tree(root) == OLD_TREE


@pytest.mark.parametrize("at", [f"swapped:{number}" for number in range(3)])
def test_a_person_who_edits_in_between_undoes_everything_else(root: Path, at: str) -> None:
    def edit(folder: Path, step: str) -> None:
        if step == at:
            (folder / "src" / "b").write_bytes(b"edited")

    error = failure(root, NEW, edit)

    shas = {"expected_sha": sha256_of(b"b1"), "actual_sha": sha256_of(b"edited")}
    assert {"class": "stale_base", "path": "src/b", **shas} == error.details
    assert tree(root) == {**OLD_TREE, "src/b": b"edited"}


def test_a_file_that_appears_where_one_is_to_be_made_is_left_alone(root: Path) -> None:
    def appear(folder: Path, step: str) -> None:
        if step == "swapped:1":
            (folder / "new" / "deep" / "d").write_bytes(b"theirs")

    error = failure(root, NEW, appear)

    assert error.details["class"] == "stale_base"
    assert tree(root) == {**OLD_TREE, "new": None, "new/deep": None, "new/deep/d": b"theirs"}


def test_undoing_that_fails_is_told_and_the_old_content_is_kept(root: Path) -> None:
    def wreck(folder: Path, step: str) -> None:
        remove_stage(folder, step)
        if step == "swapped:0":
            (folder / "src" / "a").unlink()
            (folder / "src" / "a").mkdir()

    error = failure(root, NEW, wreck)

    assert error.details["rolled_back"] is False
    assert (root / "src" / ".codelab-c1-1-0-0.old").read_bytes() == b"a1"


def test_names_that_cannot_be_made_durable_are_a_failure(root: Path) -> None:
    """The folder's descriptor becomes one that fsync refuses, after the rename."""
    useless = os.open(root, os.O_PATH)

    def spoil(folder: Path, step: str) -> None:
        if step == "swapped:0":
            for entry in Path("/proc/self/fd").iterdir():
                if entry.exists() and entry.resolve() == folder and int(entry.name) != useless:
                    os.dup2(useless, int(entry.name))

    error = failure(root, {"c": b"c2"}, spoil)
    os.close(useless)

    facts = {"path": "c", "errno": errno.EBADF, "rolled_back": True}
    assert ("IO_ERROR", facts) == (str(error.code), error.details)
    assert tree(root) == OLD_TREE


def test_a_disk_without_room_changes_nothing(root: Path) -> None:
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, usual[1]))
    try:
        error = failure(root, {**NEW, "z": b"z" * 1001}, lambda _root, _step: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    facts = {"path": "z", "errno": errno.EFBIG, "rolled_back": True}
    assert ("IO_ERROR", facts) == (str(error.code), error.details)
    assert tree(root) == OLD_TREE


def test_a_folder_that_is_a_file_changes_nothing(root: Path) -> None:
    looking = Workspace(root)
    changes = [Change(looking.look(path), b"x") for path in ("src/a", "d/e", "d")]

    with pytest.raises(ToolError) as caught:
        swap(looking, changes, "c1")

    assert (str(caught.value.code), caught.value.details["path"]) == ("NOT_A_FILE", "d")
    assert tree(root) == OLD_TREE


def test_sixteen_folders_are_made_but_not_seventeen(root: Path) -> None:
    changed(root, {"/".join("x" * 16) + "/file": b"deep"})
    error = failure(root, {"/".join("y" * 17) + "/file": b"deeper"}, lambda _root, _step: None)

    assert (str(error.code), error.details["rule"]) == ("INVALID_PATH", "parents")
    assert not (root / "y").exists()


def test_a_folder_swapped_for_a_symlink_before_staging_does_not_lead_out(root: Path) -> None:
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "a").write_bytes(b"canary")

    def interfere(folder: Path, step: str) -> None:
        if step == "looked:src":
            (folder / "src").rename(folder / "moved")
            (folder / "src").symlink_to("../outside")

    error = failure(root, {"src/a": b"a2"}, interfere)

    assert str(error.code) == "NOT_A_FILE"
    assert tree(root.parent / "outside") == {"a": b"canary"}


def test_a_folder_swapped_for_a_symlink_after_staging_does_not_lead_out(root: Path) -> None:
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "a").write_bytes(b"canary")

    def interfere(folder: Path, step: str) -> None:
        if step == "staged:0":
            (folder / "src").rename(folder / "moved")
            (folder / "src").symlink_to("../outside")

    changed(root, {"src/a": b"a2"}, interfere)

    assert tree(root.parent / "outside") == {"a": b"canary"}
    assert (root / "moved" / "a").read_bytes() == b"a2"


def test_many_files_need_few_descriptors(root: Path) -> None:
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 12, usual[1]))
    try:
        changed(root, {f"src/many/{number}": b"x" for number in range(60)})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)

    assert len(list((root / "src" / "many").iterdir())) == 60


@pytest.mark.parametrize("call_id", ["c1-1-0", "../../x", "a" * 64, "\ud800", ".hidden", "a/b"])
def test_whatever_the_call_id_the_staged_names_stay_beside_their_files(
    root: Path, call_id: str
) -> None:
    seen: list[set[str]] = []

    def watch(step: str) -> None:
        if step == "staged:0":
            seen.append({path.name for path in root.iterdir()} - {"src", "c"})

    workspace = Workspace(root, on_step=watch)
    swap(workspace, [Change(workspace.look("c"), b"c2")], call_id)

    assert all(name.startswith(".codelab-") for name in seen[0])
    assert {"src", "c"} == {path.name for path in root.iterdir()}


def test_what_a_crash_left_is_swept_and_nothing_else(root: Path) -> None:
    mine = [".codelab-c1-0", ".codelab-c1-12", ".codelab-c1-0.old"]
    others = [".codelab-c1-1-0", ".codelab-c12-0", ".codelab-c1-x", "c1-0", ".codelab-c1-0.bak"]
    for name in mine + others:
        (root / "src" / name).touch()

    sweep(Workspace(root), ["src/a", "src/gone", "nowhere/x", "../x"], "c1")

    assert {"a", "b", *others} == {path.name for path in (root / "src").iterdir()}
