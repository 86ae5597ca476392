"""The typed refusals of the patch engine, and the bounds that guard its work. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from codelab_core.paths import path_problem
from codelab_core.tool_errors import ToolCode, ToolError

PATCH_MAX_BYTES: Final = 512 * 1024
PATCH_MAX_FILES: Final = 200
PATCH_MAX_HUNKS: Final = 2_000
PATCH_LINE_MAX_BYTES: Final = 64 * 1024
BASE_MAX_BYTES: Final = 2 * 1024 * 1024
COMPARISONS_MAX: Final = 50_000_000

InvalidReason = Literal["no_hunks", "syntax", "too_large", "too_complex", "unsupported"]
FailedReason = Literal[
    "not_found", "ambiguous", "no_change", "overlap", "not_empty", "dependent", "post_mismatch"
]


def invalid(reason: InvalidReason, message: str, **facts: Any) -> ToolError:
    """`PATCH_INVALID`: the text is no patch that this engine reads."""
    return ToolError(ToolCode.PATCH_INVALID, message, reason=reason, **facts)


def syntax(line: int, message: str) -> ToolError:
    """`PATCH_INVALID` for line number `line` of the patch text, counted from 1."""
    return invalid("syntax", f"Line {line} of the patch: {message}", line=line)


def check_utf8(text: str) -> None:
    """Raise `PATCH_INVALID` syntax for half a surrogate pair, which JSON can carry."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise syntax(text.count("\n", 0, error.start) + 1, "it is not UTF-8.") from None


def failed(reason: FailedReason, message: str, facts: Mapping[str, Any]) -> ToolError:
    """`PATCH_APPLY_FAILED`: the patch is readable, but does not fit the files."""
    return ToolError(ToolCode.PATCH_APPLY_FAILED, message, **{"reason": reason, **facts})


def stale_base(path: str, expected_sha: str, actual_sha: str) -> ToolError:
    """`CONFLICT` of class stale_base: the file is not what the change was made for."""
    message = f"{path} is not in the state that the change was made for."
    shas = {"expected_sha": expected_sha, "actual_sha": actual_sha}
    return ToolError(ToolCode.CONFLICT, message, **{"class": "stale_base", "path": path, **shas})


def within(what: str, actual: int, limit: int, **facts: str) -> None:
    """Raise `PATCH_INVALID` too_large when `actual` is above `limit`."""
    if actual > limit:
        message = f"The patch is too large: {actual} {what}, at most {limit} are allowed."
        raise invalid("too_large", message, what=what, limit=limit, actual=actual, **facts)


def checked_path(path: str) -> str:
    """`path` itself. Raises `INVALID_PATH` with the rule that it breaks."""
    rule = path_problem(path)
    if rule is not None:
        message = f"The path {path[:200]!r} is not allowed: {rule}."
        raise ToolError(ToolCode.INVALID_PATH, message, path=path[:1024], rule=rule)
    return path


class Budget:
    """Comparisons of lines that one patch may cost, so that no text can burn the processor."""

    def __init__(self, limit: int = COMPARISONS_MAX) -> None:
        self.limit = limit
        self.spent = 0

    def spend(self, comparisons: int) -> None:
        """Count work about to be done. Raises `PATCH_INVALID` too_complex above the limit."""
        self.spent += comparisons
        if self.spent > self.limit:
            message = "The patch takes too much work to place: give fewer or more telling lines."
            limits = {"limit": self.limit, "actual": self.spent}
            raise invalid("too_complex", message, what="line comparisons", **limits)
