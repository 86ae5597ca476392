"""What went wrong on this machine, as the codes of docs/tools.md."""

import errno
from typing import Any, Final

from codelab_core.paths import MAX_PATH_BYTES, path_problem
from codelab_core.tool_errors import ToolCode, ToolError

_DENIED: Final = {errno.EACCES, errno.EPERM, errno.EROFS}


def check_path(path: str, *, allow_root: bool = False) -> None:
    """Refuse a path that breaks a rule of its text. Raises `ToolError` `INVALID_PATH`."""
    rule = path_problem(path, allow_root=allow_root)
    if rule is not None:
        raise invalid_path(path, rule)


def invalid_path(path: str, rule: str, **facts: Any) -> ToolError:
    """`INVALID_PATH`; of a long path the start, half a surrogate pair becomes `?`."""
    shown = path[:MAX_PATH_BYTES].encode("utf-8", "replace").decode()
    return ToolError(
        ToolCode.INVALID_PATH,
        f"{shown!r} is not a path of the workspace",
        path=shown,
        rule=rule,
        **facts,
    )


def not_a_file(path: str, kind: str, **facts: Any) -> ToolError:
    """`NOT_A_FILE`; `kind` is what is there instead."""
    return ToolError(ToolCode.NOT_A_FILE, f"{path} is a {kind}", path=path, kind=kind, **facts)


def outside(path: str) -> ToolError:
    """`PATH_OUTSIDE_WORKSPACE`."""
    message = f"{path} leads out of the workspace"
    return ToolError(ToolCode.PATH_OUTSIDE_WORKSPACE, message, path=path)


def file_not_found(path: str, similar: list[str]) -> ToolError:
    """`FILE_NOT_FOUND`; `similar` are existing paths with such a name."""
    message = f"{path} does not exist"
    return ToolError(ToolCode.FILE_NOT_FOUND, message, path=path, similar=similar)


def file_too_large(path: str, size: int, limit: int) -> ToolError:
    """`FILE_TOO_LARGE`; sizes in bytes."""
    return ToolError(
        ToolCode.FILE_TOO_LARGE, f"{path} is too large", path=path, file_size=size, max_size=limit
    )


def post_mismatch(path: str) -> ToolError:
    """`PATCH_APPLY_FAILED`: the result would not be the one that was approved."""
    message = f"{path} would not get the content that was approved; nothing was written"
    return ToolError(ToolCode.PATCH_APPLY_FAILED, message, path=path, reason="post_mismatch")


def invalid_arguments(message: str, *errors: dict[str, Any]) -> ToolError:
    """`INVALID_ARGUMENTS`; each error has `loc` and `msg`, never the value."""
    return ToolError(ToolCode.INVALID_ARGUMENTS, message, errors=list(errors))


def from_os_error(error: OSError, path: str) -> ToolError:
    """A system call that failed before anything was changed."""
    if error.errno in _DENIED:
        message = f"{path}: {error.strerror}"
        return ToolError(ToolCode.PERMISSION_DENIED, message, path=path)
    return io_error(error, path, rolled_back=True)


def io_error(error: OSError, path: str, *, rolled_back: bool) -> ToolError:
    """`IO_ERROR`; `rolled_back`: all files of the call are as they were before it."""
    message = f"{path}: {error.strerror or type(error).__name__}"
    return ToolError(
        ToolCode.IO_ERROR, message, path=path, errno=error.errno or 0, rolled_back=rolled_back
    )
