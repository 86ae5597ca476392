"""Patterns of paths: `*` and `?` stay inside a folder, `**` spans folders. Pure."""

import re
from typing import Final

_MAGIC: Final = re.compile(r"[*?\[]")
_TOKENS: Final = re.compile(r"(?:\*\*/)+|\*\*+|\*|\?|\[[!^]?[^\]]+\]|.", re.DOTALL)


def is_glob(text: str) -> bool:
    """Whether a path is a pattern."""
    return _MAGIC.search(text) is not None


def folder(glob: str) -> str:
    """The deepest folder that holds every match; `.` for the whole workspace."""
    fixed: list[str] = []
    for part in glob.split("/")[:-1]:
        if is_glob(part):
            break
        fixed.append(part)
    return "/".join(fixed) or "."


def compiled(glob: str) -> re.Pattern[str]:
    """A pattern to match whole paths with; a glob that makes no sense matches itself only."""
    try:
        return re.compile("".join(map(_translated, _TOKENS.findall(glob))))
    except re.error:
        return re.compile(re.escape(glob))


def _translated(token: str) -> str:
    """One token of a glob as a regular expression."""
    if token.startswith("**/"):
        return "(?:[^/]+/)*"
    if token.startswith("**"):
        return ".*"
    if token.startswith("[") and len(token) > 1:
        negated = token[1] in "!^"
        inner = re.escape(token[2:-1] if negated else token[1:-1]).replace(r"\-", "-")
        return f"(?!/)[{'^' * negated}{inner}]"
    return {"*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token))
