"""Rules of an owner about which tool calls need a person; part of the runtime's settings."""

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class ApprovalRule(BaseModel):
    """Applies to tools whose name matches `tool`, and, with `path`, to calls on such paths.

    Both are shell globs; in `path` a `*` crosses folders.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    tool: Annotated[str, Field(max_length=128)]
    """Name of the tool, or a glob such as `*`."""
    path: Annotated[str, Field(max_length=1024)] | None = None
    """Glob of paths, in which `*` crosses folders; absent: calls on any path, and on none."""
    decision: Literal["auto", "ask", "deny"]
    """Run it at once, ask a person, or refuse it."""

    def covers(self, tool: str, paths: tuple[str, ...]) -> bool:
        """Whether the rule speaks of this call.

        `auto` needs every path to match, so that nothing slips through beside a harmless one; one
        path is enough for `ask` and `deny`.
        """
        if not fnmatchcase(tool, self.tool):
            return False
        if self.path is None:
            return True
        matches = [fnmatchcase(path, self.path) for path in paths]
        return bool(matches) and (all(matches) if self.decision == "auto" else any(matches))
