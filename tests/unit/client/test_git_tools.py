import os
import stat
from pathlib import Path
from typing import Any

import pytest

from codelab_client.git import Git
from codelab_client.git_tools import files_of, git_diff_tool
from codelab_client.tool import Job
from codelab_core.tool_errors import ToolError
from codelab_core.tools import GitDiffArguments
from fakes.repository import Repository
from fakes.tool_bench import tool_call


@pytest.fixture
async def repository(tmp_path: Path) -> Repository:
    return await Repository.made(tmp_path / "repository")


async def diff_in(folder: Path, **arguments: Any) -> dict[str, Any]:
    tool = git_diff_tool(Git(folder))
    job = Job(tool_call("git.diff", **arguments), GitDiffArguments(**arguments), None)
    return await tool.run(job)


async def failure(folder: Path, **arguments: Any) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await diff_in(folder, **arguments)
    return caught.value


def patch(path: str, old: str, new: str) -> str:
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+{new}\n"


async def test_the_working_tree_the_index_and_the_last_commit(repository: Repository) -> None:
    """T-03."""
    await repository.commit(a_txt="one\n", b_txt="one\n")
    await repository.commit(a_txt="two\n")
    repository.write("a.txt", "three\n")
    await repository.git("add", "a.txt")
    repository.write("a.txt", "four\n")
    repository.write("new.txt", "new\n")

    tree = await diff_in(repository.root)
    staged = await diff_in(repository.root, staged=True)
    last = await diff_in(repository.root, revision="HEAD~1..HEAD")
    since = await diff_in(repository.root, revision="HEAD~1")

    modified = {"path": "a.txt", "status": "M", "additions": 1, "deletions": 1}
    assert [[modified]] * 4 == [result["files"] for result in (tree, staged, last, since)]
    pairs = [("three", "four"), ("two", "three"), ("one", "two"), ("one", "four")]
    for result, (old, new) in zip((tree, staged, last, since), pairs, strict=True):
        assert result["diff"].endswith(patch("a.txt", old, new))
        assert result["size"] == len(result["diff"])
    assert [result["untracked"] for result in (tree, staged, last, since)] == [
        ["new.txt"],
        [],
        [],
        ["new.txt"],
    ]


async def test_nothing_changed_is_an_empty_diff(repository: Repository) -> None:
    await repository.commit(a_txt="one\n")

    empty = {"diff": "", "files": [], "untracked": [], "truncated": False, "size": 0}
    assert {"success": True, **empty} == await diff_in(repository.root)


async def test_a_path_and_its_context_narrow_the_diff(repository: Repository) -> None:
    await repository.commit()
    repository.write("src/a.txt", "".join(f"{number}\n" for number in range(30)))
    repository.write("b.txt", "x\n")
    await repository.commit()
    text = (repository.root / "src/a.txt").read_text().replace("15\n", "changed\n")
    repository.write("src/a.txt", text)
    repository.write("b.txt", "y\n")
    repository.write("src/new.txt", "")

    result = await diff_in(repository.root, path="src", context_lines=0)

    assert [file["path"] for file in result["files"]] == ["src/a.txt"]
    assert result["diff"].endswith("@@ -16 +16 @@\n-15\n+changed\n")
    assert result["untracked"] == ["src/new.txt"]


async def test_before_the_first_commit(repository: Repository) -> None:
    """T-12."""
    repository.write("a.txt", "one\n")
    await repository.git("add", "a.txt")
    repository.write("a.txt", "two\n")

    tree, staged = await diff_in(repository.root), await diff_in(repository.root, staged=True)

    assert (
        [file["status"] for file in tree["files"]],
        [file["status"] for file in staged["files"]],
    ) == (["M"], ["A"])
    assert (await failure(repository.root, revision="HEAD")).details["exit_code"] == 128


async def test_on_a_detached_head(repository: Repository) -> None:
    """T-12."""
    await repository.commit(a_txt="one\n")
    await repository.commit(a_txt="two\n")
    await repository.git("checkout", "-q", "--detach", "HEAD~1")
    repository.write("a.txt", "three\n")

    assert (await diff_in(repository.root))["diff"].endswith(patch("a.txt", "one", "three"))


async def test_every_kind_of_change_has_its_letter(repository: Repository) -> None:
    """T-12, T-11."""
    repository.write("gone.txt", "gone\n")
    repository.write("old name.txt", "a line\nanother\nand one more\n")
    repository.write("picture.png", b"\x89PNG\0\1")
    repository.write("typed", "a file\n")
    repository.write("run.sh", "true\n")
    await repository.commit()
    (repository.root / "gone.txt").unlink()
    (repository.root / "old name.txt").rename(repository.root / "n\u00e9w.txt")
    repository.write("picture.png", b"\x89PNG\0\2")
    (repository.root / "typed").unlink()
    (repository.root / "typed").symlink_to("run.sh")
    (repository.root / "run.sh").chmod(0o755)
    repository.write("added.txt", "added\n")
    await repository.git("add", "-A")

    result = await diff_in(repository.root, staged=True)

    renamed = {"path": "n\u00e9w.txt", "old_path": "old name.txt", "status": "R"}
    assert [
        {"path": "added.txt", "status": "A", "additions": 1, "deletions": 0},
        {"path": "gone.txt", "status": "D", "additions": 0, "deletions": 1},
        {**renamed, "additions": 0, "deletions": 0},
        {"path": "picture.png", "status": "M", "binary": True},
        {"path": "run.sh", "status": "M", "additions": 0, "deletions": 0},
        {"path": "typed", "status": "T", "additions": 1, "deletions": 1},
    ] == sorted(result["files"], key=lambda file: str(file["path"]).replace("\u00e9", "e"))
    assert "rename to n\u00e9w.txt\n" in result["diff"]
    assert "Binary files a/picture.png and b/picture.png differ\n" in result["diff"]
    assert "old mode 100644\nnew mode 100755\n" in result["diff"]


async def test_a_conflict_of_a_merge(repository: Repository) -> None:
    """T-12."""
    await repository.commit(a_txt="one\n")
    await repository.git("checkout", "-q", "-b", "other")
    await repository.commit(a_txt="other\n")
    await repository.git("checkout", "-q", "main")
    await repository.commit(a_txt="main\n")
    await repository.git("merge", "-q", "-s", "ours", "--no-commit", "other")
    await repository.git("commit", "-q", "-m", "merged")
    merged = await diff_in(repository.root, revision="HEAD~1..HEAD")
    await repository.git("reset", "-q", "--hard", "HEAD~1")
    with pytest.raises(Exception, match="non-zero"):
        await repository.git("merge", "-q", "other")

    conflict = await diff_in(repository.root)

    assert merged["files"] == []
    assert conflict["files"] == [{"path": "a.txt", "status": "U"}]
    assert conflict["diff"].startswith("diff --cc a.txt\n")


async def test_a_submodule_is_shown_as_its_commits(repository: Repository, tmp_path: Path) -> None:
    """T-12. What its own configuration would start is not started."""
    inner = await Repository.made(tmp_path / "inner")
    await inner.commit(a_txt="one\n")
    await repository.git("submodule", "--quiet", "add", str(inner.root), "sub")
    await repository.commit()
    module = Repository(repository.root / "sub")
    await module.commit(a_txt="two\n")
    marker = tmp_path / "marker"
    await module.git("config", "filter.evil.clean", f"touch {marker}; cat")
    await module.git("config", "core.fsmonitor", f"touch {marker}")
    module.write(".gitattributes", "* filter=evil\n")
    module.write("a.txt", "six\n")  # as long as it was: git must read it to know
    os.utime(module.root / "a.txt", (1, 1))

    result = await diff_in(repository.root)

    assert result["files"] == [{"path": "sub", "status": "M", "additions": 1, "deletions": 1}]
    assert "\n-Subproject commit " in result["diff"]
    assert not marker.exists()


async def test_line_ends_and_other_encodings_come_through(repository: Repository) -> None:
    """T-12."""
    await repository.commit(crlf_txt="one\r\n", latin_txt=b"abc\xe9\n")
    repository.write("crlf.txt", "two\r\n")
    repository.write("latin.txt", b"th\xe9\n")

    diff = (await diff_in(repository.root))["diff"]

    assert "-one\r\n+two\r\n" in diff
    assert "-abc\ufffd\n+th\ufffd\n" in diff


async def test_a_workspace_that_is_a_folder_of_a_repository(repository: Repository) -> None:
    repository.write("inner/a.txt", "one\n")
    repository.write("outer.txt", "one\n")
    await repository.commit()
    repository.write("inner/a.txt", "two\n")
    repository.write("outer.txt", "two\n")
    repository.write("outer-new.txt", "")

    result = await diff_in(repository.root / "inner")

    assert [file["path"] for file in result["files"]] == ["a.txt"]
    assert "outer" not in result["diff"]
    assert result["untracked"] == []


async def test_the_form_does_not_depend_on_the_persons_configuration(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(
        "[diff]\n\tnoprefix = true\n\tmnemonicPrefix = true\n\trenames = false\n\tcontext = 9\n"
        "\tinterHunkContext = 50\n\twordRegex = .\n\tsubmodule = log\n\talgorithm = patience\n"
        "[color]\n\tui = always\n[core]\n\tpager = false\n\tquotePath = true\n"
    )
    await repository.commit(a_txt="one\n")
    repository.write("a.txt", "two\n")

    result = await diff_in(repository.root)

    assert result["diff"].startswith("diff --git a/a.txt b/a.txt\n")
    assert result["diff"].endswith(patch("a.txt", "one", "two"))


async def test_names_are_literal(repository: Repository) -> None:
    repository.write("*.txt", "one\n")
    repository.write("b.txt", "one\n")
    await repository.commit()
    repository.write("*.txt", "two\n")
    repository.write("b.txt", "two\n")

    star = await diff_in(repository.root, path="*.txt")
    magic = await diff_in(repository.root, path=":(exclude)b.txt")

    assert [file["path"] for file in star["files"]] == ["*.txt"]
    assert magic["files"] == []


async def test_a_hundred_files_and_two_hundred_untracked_ones(repository: Repository) -> None:
    """T-10."""
    for number in range(101):
        repository.write(f"f{number:03}", "one\n")
    await repository.commit()
    for number in range(101):
        repository.write(f"f{number:03}", "two\n")
    for number in range(201):
        repository.write(f"new{number:03}", "")

    all_files = await diff_in(repository.root)
    hundred = await diff_in(repository.root, path="f000")
    (repository.root / "new200").unlink()
    (repository.root / "f100").write_text("one\n")
    within = await diff_in(repository.root)

    assert (
        len(all_files["files"]),
        len(all_files["untracked"]),
        all_files["truncated"],
    ) == (100, 200, True)
    assert all_files["diff"].count("diff --git") == 100
    assert (len(hundred["files"]), hundred["truncated"]) == (1, False)
    assert (
        len(within["files"]),
        len(within["untracked"]),
        within["truncated"],
    ) == (100, 200, False)


async def test_a_file_with_a_large_diff_is_named_and_left_out(repository: Repository) -> None:
    """T-10."""
    await repository.commit(large_txt="", small_txt="")
    repository.write("large.txt", "x" * 99 + "\n")
    repository.write("large.txt", ("x" * 99 + "\n") * 11_000)
    repository.write("small.txt", "y\n")

    result = await diff_in(repository.root)

    assert result["files"] == [
        {"path": "large.txt", "status": "M", "additions": 11_000, "deletions": 0, "omitted": True},
        {"path": "small.txt", "status": "M", "additions": 1, "deletions": 0},
    ]
    assert result["diff"].startswith("diff --git a/small.txt b/small.txt\n")
    assert result["truncated"]
    assert result["size"] > 1_100_000


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param({"revision": "--output=x"}, "INVALID_ARGUMENTS", id="option"),
        pytest.param({"revision": "-p"}, "INVALID_ARGUMENTS", id="short-option"),
        pytest.param({"revision": "a\0b"}, "INVALID_ARGUMENTS", id="nul"),
        pytest.param({"revision": "a\nb"}, "INVALID_ARGUMENTS", id="newline"),
        pytest.param({"revision": "a..b", "staged": True}, "INVALID_ARGUMENTS", id="range-staged"),
        pytest.param({"revision": "nothing"}, "GIT_ERROR", id="unknown"),
        pytest.param({"path": "../x"}, "INVALID_PATH", id="path"),
        pytest.param({"path": ".git/config"}, "INVALID_PATH", id="reserved"),
        pytest.param({"path": "/etc"}, "INVALID_PATH", id="absolute"),
    ],
)
async def test_what_cannot_be_asked(
    repository: Repository, arguments: dict[str, Any], code: str
) -> None:
    await repository.commit(a_txt="one\n")

    assert code == str((await failure(repository.root, **arguments)).code)


async def test_a_folder_without_a_repository(tmp_path: Path) -> None:
    """T-03."""
    error = await failure(tmp_path)

    assert (str(error.code), error.details) == ("GIT_NOT_INITIALIZED", {})


async def test_an_empty_revision_is_none(repository: Repository) -> None:
    await repository.commit(a_txt="one\n")
    repository.write("a.txt", "two\n")

    assert await diff_in(repository.root) == await diff_in(repository.root, revision="")


@pytest.fixture
async def hostile(repository: Repository, tmp_path: Path) -> tuple[Repository, Path]:
    """A repository whose configuration would write a marker whenever it is obeyed."""
    await repository.commit(a_txt="one\n", b_bin=b"one\n", c_txt="one\n", d_txt="one\n")
    marker = tmp_path / "marker"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {marker}\ncat 2>/dev/null\n')
    program.chmod(stat.S_IRWXU)
    for name in (
        *("diff.external", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor"),
        *("filter.evil.clean", "filter.evil.smudge", "core.pager", "pager.diff", "core.editor"),
        *("core.sshCommand", "core.gitProxy", "credential.helper", "diff.tool", "alias.diff"),
        *("filter.odd=name.clean", "core.askPass", "interactive.diffFilter", "gpg.program"),
    ):
        await repository.git("config", name, str(program))
    await repository.git("config", "filter.slow.process", str(program))
    await repository.git("config", "filter.slow.required", "true")
    await repository.git("config", "diff.evil.cachetextconv", "true")
    repository.write(".git/hooks/post-index-change", program.read_text())
    hook = repository.root / ".git" / "hooks" / "post-index-change"
    hook.chmod(stat.S_IRWXU)
    repository.write(
        ".gitattributes",
        "a.txt diff=evil filter=evil\nb.bin diff=evil\nc.txt filter=slow\nd.txt filter=odd=name\n",
    )
    for name in ("a.txt", "b.bin", "c.txt", "d.txt"):
        repository.write(name, "two\n")
    return repository, marker


async def test_nothing_that_a_repository_configures_is_executed(
    hostile: tuple[Repository, Path],
) -> None:
    """docs/tools.md: diff.external, textconv, fsmonitor, filters, hooks."""
    repository, marker = hostile

    tree = await diff_in(repository.root)
    await diff_in(repository.root, staged=True)
    await diff_in(repository.root, revision="HEAD")
    await files_of(Git(repository.root), ".")

    assert tree["diff"].count("-one\n+two\n") == 4
    assert not marker.exists()


async def test_the_configuration_would_have_been_obeyed_without_us(
    hostile: tuple[Repository, Path],
) -> None:
    """The test above proves something."""
    repository, marker = hostile

    await repository.git("-c", "filter.slow.required=false", "diff")

    assert marker.exists()


async def test_objects_that_are_missing_are_not_fetched(
    repository: Repository, tmp_path: Path
) -> None:
    """A partial clone would start a program of its own configuration to get them."""
    await repository.commit(a_txt="one\n")
    marker = tmp_path / "marker"
    for name, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", str(tmp_path / "elsewhere")),
        ("remote.origin.uploadpack", f"touch {marker}; false"),
    ):
        await repository.git("config", name, value)
    blob = (await repository.git("rev-parse", "HEAD:a.txt")).strip()
    (repository.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    repository.write("a.txt", "two\n")

    error = await failure(repository.root)

    assert str(error.code) == "GIT_ERROR"
    assert not marker.exists()


async def test_new_times_are_no_change_and_the_repository_is_not_written_to(
    repository: Repository,
) -> None:
    await repository.commit(a_txt="one\n", b_bin=b"\0", c_txt="one\n")
    os.utime(repository.root / "a.txt", (1, 1))
    os.utime(repository.root / "b.bin", (1, 1))
    repository.write("c.txt", "two\n")
    before = {path: path.lstat().st_mtime_ns for path in (repository.root / ".git").rglob("*")}

    result = await diff_in(repository.root)

    after = {path: path.lstat().st_mtime_ns for path in (repository.root / ".git").rglob("*")}
    assert before == after
    assert [file["path"] for file in result["files"]] == ["c.txt"]
    assert result["diff"].startswith("diff --git a/c.txt b/c.txt\n")


async def test_files_are_listed_without_those_that_are_ignored(repository: Repository) -> None:
    repository.write(".gitignore", "ignored\nbuild/\n")
    for path in ("src/a.py", "tracked", "gone", "ignored", "build/x", "n\u00e9"):
        repository.write(path, "")
    await repository.git("add", "tracked", "gone")
    (repository.root / "gone").unlink()
    repository.write(os.fsdecode(b"abc\xe9"), "")
    repository.write("back\\slash", "")
    git = Git(repository.root)

    assert sorted(await files_of(git, ".") or []) == [
        ".gitignore",
        "gone",
        "n\u00e9",
        "src/a.py",
        "tracked",
    ]
    assert await files_of(git, "src") == ["src/a.py"]


async def test_a_list_without_end_is_refused(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codelab_client.git_tools._NAMES_BYTES", 5)
    repository.write("a.txt", "")

    with pytest.raises(ToolError) as caught:
        await files_of(Git(repository.root), ".")

    assert str(caught.value.code) == "GIT_ERROR"


async def test_no_repository_no_list(tmp_path: Path) -> None:
    assert await files_of(Git(tmp_path), ".") is None
