"""Which files there are: what git knows and does not ignore, or a walk where there is no git."""

import stat
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from codelab_client.folder import Folder
from codelab_client.git import Git
from codelab_client.git_tools import files_of
from codelab_client.threads import run_in_thread
from codelab_client.trail import walk
from codelab_client.workspace import Workspace
from codelab_core.paths import path_problem
from codelab_core.tool_errors import ToolError

MAX_WALKED: Final = 200_000
BUILD_FOLDERS: Final = frozenset(
    {"node_modules", "target", "dist", "build", "__pycache__", "venv", "vendor"}
)


async def list_paths(
    workspace: Workspace, git: Git, path: str, *, include_hidden: bool
) -> list[str]:
    """Files below the folder `path`, or that file alone, as sorted workspace paths.

    Hidden is what has a segment with a leading dot below `path`. The list may name what is no
    regular file, or is gone. Raises `ToolError` for a `path` that is not there.
    """
    if await run_in_thread(workspace.kind, path) != "folder":
        return [path]
    try:
        found = await files_of(git, path)
    except ToolError:
        found = None  # a repository that git refuses is a folder like any other
    if found is None:
        return sorted(await run_in_thread(_walked, workspace, path, include_hidden=include_hidden))
    if include_hidden:
        return found
    start = 0 if path == "." else len(path) + 1
    return [name for name in found if not _is_hidden(name[start:])]


def file_sizes(workspace: Workspace, paths: Sequence[str], limit: int) -> dict[str, int]:
    """Sizes of the regular files among `paths`, of the first `limit` ones. Blocks."""
    sizes: dict[str, int] = {}
    for path in paths:
        with suppress(ToolError), walk(workspace.root, path, follow=False) as spot:
            if spot.status is not None and stat.S_ISREG(spot.status.st_mode):
                sizes[path] = spot.status.st_size
        if len(sizes) >= limit:
            break
    return sizes


def _walked(workspace: Workspace, path: str, *, include_hidden: bool) -> list[str]:
    """Files found by walking, without links, hidden things and what builds leave behind."""
    found: list[str] = []
    ahead = deque([path])
    while ahead and len(found) < MAX_WALKED:
        here = ahead.popleft()
        with suppress(ToolError, OSError), workspace.folder(here) as folder:
            for name, is_folder in _entries(folder, include_hidden=include_hidden):
                below = name if here == "." else f"{here}/{name}"
                if path_problem(below) is not None:
                    continue
                (ahead if is_folder else found).append(below)
    return found


def _entries(folder: Folder, *, include_hidden: bool) -> Iterator[tuple[str, bool]]:
    """Names of files, and of folders to go into."""
    for name in folder.names():
        if name.startswith(".") and not include_hidden:
            continue
        with suppress(OSError):
            mode = folder.status(name).st_mode
            if stat.S_ISDIR(mode) and name not in BUILD_FOLDERS:
                yield name, True
            elif stat.S_ISREG(mode):
                yield name, False


def _is_hidden(path: str) -> bool:
    """Whether a segment begins with a dot."""
    return path.startswith(".") or "/." in path
