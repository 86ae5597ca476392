import os
from pathlib import Path

import pytest

from codelab_client import listing
from codelab_client.git import Git
from codelab_client.listing import file_sizes, list_paths
from codelab_client.workspace import Workspace
from codelab_core.tool_errors import ToolError
from fakes.repository import Repository

FILES = ("a.py", "src/b.py", "src/deep/c.py", ".hidden", ".github/ci.yml", "src/.env")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in (*FILES, "node_modules/x.js", "src/__pycache__/b.pyc"):
        (tmp_path / "root" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / path).write_text(path)
    (tmp_path / "root" / "link").symlink_to("a.py")
    return tmp_path / "root"


async def listed(root: Path, path: str = ".", *, include_hidden: bool = False) -> list[str]:
    return await list_paths(Workspace(root), Git(root), path, include_hidden=include_hidden)


async def test_without_git_a_walk_skips_hidden_things_links_and_what_builds_leave(
    root: Path,
) -> None:
    assert await listed(root) == ["a.py", "src/b.py", "src/deep/c.py"]
    assert await listed(root, "src") == ["src/b.py", "src/deep/c.py"]


async def test_hidden_files_are_listed_on_demand_but_never_those_of_git(root: Path) -> None:
    (root / ".git").write_text("gitdir: elsewhere")

    assert sorted(FILES) == await listed(root, include_hidden=True)


async def test_with_git_ignored_files_are_left_out(root: Path) -> None:
    await Repository.made(root)
    (root / ".gitignore").write_text("deep/\n")

    assert (await listed(root)) == [
        "a.py",
        "link",
        "node_modules/x.js",
        "src/__pycache__/b.pyc",
        "src/b.py",
    ]
    assert ".github/ci.yml" in await listed(root, include_hidden=True)


async def test_hidden_is_what_is_hidden_below_the_folder(root: Path) -> None:
    await Repository.made(root)

    assert await listed(root, ".github") == [".github/ci.yml"]


async def test_a_repository_that_git_refuses_is_walked(root: Path) -> None:
    await Repository.made(root)
    (root / ".git" / "config").write_text("[broken")

    assert await listed(root) == ["a.py", "src/b.py", "src/deep/c.py"]


async def test_a_file_is_a_list_of_one(root: Path) -> None:
    assert await listed(root, "src/b.py") == ["src/b.py"]


@pytest.mark.parametrize("path", ["gone", "../x", ".git"])
async def test_what_is_not_there_cannot_be_listed(root: Path, path: str) -> None:
    with pytest.raises(ToolError):
        await listed(root, path)


async def test_names_that_no_tool_takes_are_left_out(root: Path) -> None:
    (root / "back\\slash").touch()
    (root / os.fsdecode(b"abc\xe9")).touch()
    (root / "con").mkdir()
    (root / "con" / "x").touch()

    assert await listed(root) == ["a.py", "src/b.py", "src/deep/c.py"]


async def test_a_walk_ends(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_WALKED", 1)

    assert await listed(root) == ["a.py"]


def test_sizes_are_those_of_regular_files(root: Path) -> None:
    sizes = file_sizes(Workspace(root), ["a.py", "gone", "link", "src", "src/b.py"], 5)

    assert sizes == {"a.py": 4, "src/b.py": 8}


def test_so_many_sizes_and_no_more(root: Path) -> None:
    assert file_sizes(Workspace(root), ["a.py", "src/b.py"], 1) == {"a.py": 4}
