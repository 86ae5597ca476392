"""From what the model asked to what really runs: arguments checked, guarded, bound. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from codelab_core.patch.model import AppliedHunk
from codelab_core.patch.text import sha256_of
from codelab_core.paths import path_problem
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.files import BOM, Files, KnownFile
from codelab_runtime.offered import Offered

PATCH_TOOLS: Final = frozenset({"apply_patch", "apply_patch_review"})

GuardedFiles = Sequence[Mapping[str, str]]
"""Entries of `guard.files`."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to run. `digest` binds a decision to exactly this."""

    arguments: Mapping[str, Any]
    guard: Mapping[str, Any] | None = None
    review: Mapping[str, Any] | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """A patch whose files must be written one by one; `contents` are the new ones by path."""

    diff: str
    guard: Mapping[str, Any]
    review: Mapping[str, Any]
    contents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NeedsRead:
    """Lines that the runtime must read itself before the patch can be placed."""

    path: str
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a person picked from a patch: the model's result, and the diff that they approved."""

    body: Mapping[str, Any]
    diff: str | None


@dataclass(frozen=True, slots=True)
class Preparation:
    """Everything that preparing one call needs to know.

    `known_diffs` are the guards of canonical diffs of this session, by the key of the diff;
    `reviews` are the diffs that a person picked, by call id. `failures` are the misplaced patches
    of this turn by path, `forgiven` how many of them came before the file was last read. `exact`:
    what is to be written is not the model's text but what a patch makes of the file.
    """

    tool: str
    arguments: Mapping[str, Any]
    offered: Mapping[str, Offered]
    files: Files = field(default_factory=dict)
    reviews: Mapping[str, str] = field(default_factory=dict)
    known_diffs: Mapping[str, GuardedFiles] = field(default_factory=dict)
    applied: tuple[AppliedHunk, ...] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    forgiven: Mapping[str, int] = field(default_factory=dict)
    exact: bool = False


def prepared(asked: Preparation) -> Prepared:
    """What is to run, for every tool; the patch of a call that has one is not looked at.

    Raises `ToolError` with any code of docs/tools.md that the model can mend.
    """
    tool = asked.offered.get(asked.tool)
    if tool is None:
        raise ToolError(
            ToolCode.TOOL_NOT_FOUND,
            f"There is no tool {asked.tool!r}.",
            tool=asked.tool,
            available=sorted(asked.offered),
        )
    tool.check(asked.arguments)
    for path in tool.paths(asked.arguments):
        check_path(path, allow_root=tool.kind == "read" and asked.tool != "read_file")
    if asked.tool == "write_file":
        return _prepared_write(asked)
    if asked.tool == "git.diff":
        _check_revision(asked.arguments)
    return bound(asked.tool, asked.arguments)


def check_path(path: str, *, allow_root: bool = False) -> None:
    """Raise `INVALID_PATH` {path, rule} for a path that no tool may name."""
    rule = path_problem(path, allow_root=allow_root)
    if rule:
        shown = path[:200].encode("utf-8", "replace").decode()
        raise ToolError(
            ToolCode.INVALID_PATH, f"The path breaks the rule {rule!r}.", path=shown, rule=rule
        )


def digest_of(tool: str, arguments: Mapping[str, Any], guard: Mapping[str, Any] | None) -> str:
    """SHA-256 of a call's name, arguments and guard, whatever the order of their keys."""
    call = orjson.dumps([tool, arguments, guard], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(call).hexdigest()


def bound(
    tool: str,
    arguments: Mapping[str, Any],
    guard: Mapping[str, Any] | None = None,
    review: Mapping[str, Any] | None = None,
) -> Prepared:
    """A prepared call with its digest."""
    return Prepared(arguments, guard, review, digest_of(tool, arguments, guard))


def _check_revision(arguments: Mapping[str, Any]) -> None:
    """Refuse what git would take for an option, and a range of the index."""
    revision = arguments.get("revision") or ""
    if revision.startswith("-") or (".." in revision and arguments.get("staged")):
        raise ToolError(
            ToolCode.INVALID_ARGUMENTS,
            "git.diff: a revision must not start with '-', and a range excludes staged.",
            errors=[{"loc": "revision", "msg": "not usable here"}],
        )


def _prepared_write(asked: Preparation) -> Prepared:
    """A whole file: with the line ends and the mark of the file that it replaces."""
    path, content = asked.arguments["path"], asked.arguments["content"]
    known = asked.files.get(path)
    if known and known.stale:
        raise read_first(asked, path)
    if known and known.content is not None and not asked.exact:
        content = _as_before(content, known)
    new = content.encode("utf-8", "surrogatepass")
    guard = {
        "files": [
            {
                "path": path,
                "op": "create" if known is None or known.sha == "absent" else "modify",
                "pre_sha": known.sha if known else "absent",
                "post_sha": sha256_of(new),
            }
        ]
    }
    return bound("write_file", {**asked.arguments, "content": content}, guard)


def _as_before(content: str, known: KnownFile) -> str:
    """New text with CRLF and byte order mark where the whole old file had them."""
    old = known.content or b""
    if b"\r\n" in old and old.count(b"\r\n") == old.count(b"\n") and "\r" not in content:
        content = content.replace("\n", "\r\n")
    if old.startswith(BOM) and not content.startswith("\ufeff"):
        content = "\ufeff" + content
    return content


def read_first(asked: Preparation, path: str) -> ToolError:
    """The file must be read (again) before it can be changed."""
    failures = asked.failures.get(path, 0)
    return ToolError(
        ToolCode.READ_FIRST, f"Read {path} before changing it.", path=path, failures=failures
    )
