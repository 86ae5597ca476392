"""`git.diff`, and the list of files that git knows of."""

from typing import Final

from codelab_client.failures import check_path, invalid_arguments
from codelab_client.git import Git
from codelab_client.git_diff import DiffText, parse_files
from codelab_client.path_locks import Claim
from codelab_client.tool import Job, Result, Tool
from codelab_core.paths import path_problem
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import BUILT_IN, GitDiffArguments

MAX_UNTRACKED: Final = 200
_NAMES_BYTES: Final = 32 << 20
# What the person's configuration would change, said explicitly; and no look into submodules, whose
# own configuration is a stranger's as well.
_DIFF: Final = (
    *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--relative", "-M"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--inter-hunk-context=0", "--diff-algorithm=default"),
    *("--submodule=short", "--ignore-submodules=dirty"),
)


def git_diff_tool(git: Git) -> Tool[GitDiffArguments]:
    """`git.diff` of one workspace."""

    async def run(job: Job[GitDiffArguments]) -> Result:
        return await _diff(git, job.arguments)

    return Tool(
        "git.diff",
        "read",
        GitDiffArguments,
        BUILT_IN["git.diff"].timeout_ms,
        claim=lambda _job: Claim(tree=True),
        run=run,
    )


async def files_of(git: Git, path: str) -> list[str] | None:
    """Files below `path` (a folder or a file) that are tracked or not ignored, sorted.

    `None` without a repository. Names that no tool could take are left out; the list may name files
    that were deleted.
    """
    if not await git.has_repository():
        return None
    return await _list(git, "-co", path)


async def _diff(git: Git, arguments: GitDiffArguments) -> Result:
    """Files, text, untracked files."""
    check_path(arguments.path, allow_root=True)
    _check_revision(arguments)
    if not await git.has_repository():
        raise ToolError(ToolCode.GIT_NOT_INITIALIZED, "The workspace is in no git repository.")
    variables = await git.without_filters()
    names = bytearray()

    def keep(chunk: bytes) -> bool:
        names.extend(chunk)
        return len(names) <= _NAMES_BYTES

    await git.feed(_arguments(arguments, "--raw", "--numstat", "-z"), keep, variables)
    text = DiffText(parse_files(bytes(names)))
    complete = await git.feed(_arguments(arguments, "-p"), text.feed, variables)
    diff = text.close(complete=complete)
    untracked = await _untracked(git, arguments)
    return {
        "success": True,
        "diff": diff.text,
        "files": diff.files,
        "untracked": untracked[:MAX_UNTRACKED],
        "truncated": diff.truncated or len(untracked) > MAX_UNTRACKED,
        "size": diff.size,
    }


def _check_revision(arguments: GitDiffArguments) -> None:
    """Raise `INVALID_ARGUMENTS` for what git would take for an option, or for two questions."""
    revision = arguments.revision or ""
    if revision.startswith("-") or not revision.isprintable():
        fault = {"loc": "revision", "msg": "a name or a range such as HEAD~1..HEAD"}
        raise invalid_arguments("The revision cannot be used.", fault)
    if arguments.staged and ".." in revision:
        fault = {"loc": "staged", "msg": "a range has no staged side"}
        raise invalid_arguments("Ask for a range or for what is staged.", fault)


def _arguments(arguments: GitDiffArguments, *output: str) -> list[str]:
    """The command line of one diff."""
    return [
        *_DIFF,
        *output,
        f"-U{arguments.context_lines}",
        *(["--cached"] if arguments.staged else []),
        *([arguments.revision] if arguments.revision else []),
        "--",
        arguments.path,
    ]


async def _untracked(git: Git, arguments: GitDiffArguments) -> list[str]:
    """Files that no diff can show; only the working tree has such."""
    if arguments.staged or ".." in (arguments.revision or ""):
        return []
    return await _list(git, "-o", arguments.path)


async def _list(git: Git, which: str, path: str) -> list[str]:
    """Paths of `git ls-files`, sorted, those that can be used."""
    command = ("ls-files", which, "--exclude-standard", "-z", "--", path)
    output = await git.read(*command, limit=_NAMES_BYTES)
    if output is None:
        raise ToolError(ToolCode.GIT_ERROR, "The repository has too many files.")
    names = {name.decode(errors="surrogateescape") for name in output.split(b"\0") if name}
    return sorted(name for name in names if path_problem(name) is None)
