import stat
from pathlib import Path

import pytest

from codelab_client.git import Git
from codelab_core.tool_errors import ToolError
from fakes.repository import Repository


@pytest.fixture
async def repository(tmp_path: Path) -> Repository:
    made = await Repository.made(tmp_path / "repository")
    await made.commit(a_txt="one\n")
    return made


def failure(caught: pytest.ExceptionInfo[ToolError]) -> tuple[str, dict[str, object]]:
    return str(caught.value.code), caught.value.details


async def test_git_answers(repository: Repository) -> None:
    assert await Git(repository.root).read("ls-files", "-z") == b"a.txt\0"


async def test_an_answer_above_the_limit_is_none(repository: Repository) -> None:
    git = Git(repository.root)

    assert await git.read("ls-files", limit=5) is None
    assert await git.read("ls-files", limit=6) == b"a.txt\n"


async def test_a_repository_is_found_from_a_folder_of_it(repository: Repository) -> None:
    (repository.root / "sub").mkdir()

    assert await Git(repository.root / "sub").has_repository()


async def test_a_plain_folder_has_no_repository(tmp_path: Path) -> None:
    assert not await Git(tmp_path).has_repository()
    with pytest.raises(ToolError) as caught:
        await Git(tmp_path).read("status")
    assert failure(caught) == ("GIT_NOT_INITIALIZED", {})


async def test_the_inside_of_a_repository_is_none_to_work_in(repository: Repository) -> None:
    assert not await Git(repository.root / ".git").has_repository()


async def test_a_refusal_of_git_comes_with_its_words(repository: Repository) -> None:
    with pytest.raises(ToolError) as caught:
        await Git(repository.root).read("show", "nothing")

    code, details = failure(caught)
    assert (code, details["exit_code"]) == ("GIT_ERROR", 128)
    assert str(details["stderr"]).startswith("fatal: ambiguous argument 'nothing'")


async def test_a_repository_that_git_refuses_is_an_error_not_an_absence(
    repository: Repository,
) -> None:
    (repository.root / ".git" / "config").write_text("[broken")

    with pytest.raises(ToolError) as caught:
        await Git(repository.root).has_repository()

    assert failure(caught)[0] == "GIT_ERROR"


async def test_a_machine_without_git_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolError) as caught:
        await Git(tmp_path).has_repository()

    facts = {"exit_code": 127, "stderr": "git was not found on this machine"}
    assert ("GIT_ERROR", facts) == failure(caught)


async def test_a_program_of_the_workspace_is_never_taken_for_git(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.root / "git").write_text("#!/bin/sh\necho ours\n")
    (repository.root / "git").chmod(stat.S_IRWXU)
    (repository.root.parent / "alias").symlink_to("repository")
    monkeypatch.chdir(repository.root)
    ours = f"{repository.root}:{repository.root}/sub/..:{repository.root.parent}/alias"
    monkeypatch.setenv("PATH", f".::{ours}:/usr/bin:/bin:/usr/local/bin")

    assert await Git(repository.root).read("ls-files") == b"a.txt\n"


async def test_git_that_does_not_end_is_ended(repository: Repository) -> None:
    git = Git(repository.root, timeout_s=0.05)

    with pytest.raises(ToolError) as caught:
        await git.read("-c", "alias.wait=!sleep 30", "wait")

    assert failure(caught) == ("TOOL_TIMEOUT", {"timeout_ms": 50})


async def test_only_filters_of_the_repository_are_emptied(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text('[filter "lfs"]\n\tclean = git-lfs clean\n')
    await repository.git("config", "filter.a=b.c.clean", "evil")
    await repository.git("config", "filter.plain.process", "evil")

    variables = await Git(repository.root).without_filters()

    keys = [variables[f"GIT_CONFIG_KEY_{number}"] for number in range(6)]
    drivers = ("filter.a=b.c", "filter.plain")
    names = ("clean", "process", "required")
    assert [f"{driver}.{name}" for driver in drivers for name in names] == keys
    assert variables["GIT_CONFIG_COUNT"] == "6"
    assert [variables[f"GIT_CONFIG_VALUE_{n}"] for n in range(6)] == ["", "", "false"] * 2


async def test_a_configuration_without_end_is_refused(repository: Repository) -> None:
    filters = "".join(f'[filter "{"x" * 200}{number}"]\n\tclean = x\n' for number in range(6000))
    with (repository.root / ".git" / "config").open("a") as config:
        config.write(filters)

    with pytest.raises(ToolError) as caught:
        await Git(repository.root).without_filters()

    assert failure(caught) == ("GIT_ERROR", {})
