"""From what the model asked to what really runs: arguments checked, patches placed, guards made.

Pure, and possibly slow: a patch may take a second, so the worker runs this in a thread.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from codelab_core.patch.build import prepare, restore
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.model import AppliedHunk
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.patch.text import sha256_of
from codelab_core.paths import path_problem
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.files import BOM, Files, KnownFile
from codelab_runtime.offered import Offered

MAX_PATCH_FAILURES: Final = 3
PATCH_TOOLS: Final = frozenset({"apply_patch", "apply_patch_review"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to run. `digest` binds a decision to exactly this."""

    arguments: Mapping[str, Any]
    guard: Mapping[str, Any] | None = None
    review: Mapping[str, Any] | None = None
    digest: str = ""


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

    `known_diffs` are canonical diffs of this session with the hashes of the files they were made
    for; `reviews` are the diffs that a person picked, by call id.
    """

    tool: str
    arguments: Mapping[str, Any]
    offered: Mapping[str, Offered]
    files: Files = field(default_factory=dict)
    reviews: Mapping[str, str] = field(default_factory=dict)
    known_diffs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    applied: tuple[AppliedHunk, ...] = ()
    failures: Mapping[str, int] = field(default_factory=dict)


def prepared(asked: Preparation) -> Prepared | NeedsRead:
    """What is to run, or what must be read first.

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
    if asked.tool in PATCH_TOOLS:
        return _prepared_patch(asked)
    if asked.tool == "write_file":
        return _prepared_write(asked)
    if asked.tool == "git.diff":
        _check_revision(asked.arguments)
    return _bound(asked.tool, asked.arguments)


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


def _bound(
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
        raise _read_first(asked, path)
    if known and known.content is not None:
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
    return _bound("write_file", {**asked.arguments, "content": content}, guard)


def _as_before(content: str, known: KnownFile) -> str:
    """New text with CRLF and byte order mark where the whole old file had them."""
    old = known.content or b""
    if b"\r\n" in old and old.count(b"\r\n") == old.count(b"\n") and "\r" not in content:
        content = content.replace("\n", "\r\n")
    if old.startswith(BOM) and not content.startswith("\ufeff"):
        content = "\ufeff" + content
    return content


def _prepared_patch(asked: Preparation) -> Prepared | NeedsRead:
    """A patch, placed in the files as the model saw them."""
    diff = _asked_diff(asked)
    known = asked.known_diffs.get(normal_form(diff))
    if known is not None and _is_current(known, asked.files):
        made = normal_form(diff) + "\n"  # as it was made
        return _emitted(asked, restore(made, _bases(asked, tuple(known))))
    patch = parse_patch(diff)
    for path in patch.base_paths:
        gap = _gap(asked, path)
        if gap:
            return gap
    at = {place["hunk"]: place["line"] for place in asked.arguments.get("at") or ()}
    bases = _bases(asked, patch.base_paths)
    return _emitted(asked, prepare(patch, bases, at=at, applied=asked.applied))


def normal_form(diff: str) -> str:
    """A diff without the line breaks at its end: models add and drop them."""
    return diff.rstrip("\n")


def _asked_diff(asked: Preparation) -> str:
    """The diff of the call, or that of the review that it names."""
    diff, review_id = asked.arguments.get("diff"), asked.arguments.get("review_id")
    if (diff is None) == (review_id is None):
        raise _bad_argument("give exactly one of diff and review_id")
    if review_id is None:
        return str(diff)
    if review_id not in asked.reviews:
        raise _bad_argument(f"there is no answered review {review_id!r} in this turn")
    return asked.reviews[review_id]


def _bad_argument(why: str) -> ToolError:
    """A fault that the schema cannot express."""
    errors = [{"loc": "", "msg": why}]
    return ToolError(ToolCode.INVALID_ARGUMENTS, f"apply_patch: {why}", errors=errors)


def _is_current(made_for: Mapping[str, str], files: Files) -> bool:
    """Whether the files are still those that a known diff was made for."""
    return all(
        sha == "absent" or (path in files and files[path].sha == sha and not files[path].stale)
        for path, sha in made_for.items()
    )


def _gap(asked: Preparation, path: str) -> NeedsRead | None:
    """Lines of a base file still to be read; raises `READ_FIRST` where the model must read."""
    known = asked.files.get(path)
    if known is None or known.stale or asked.failures.get(path, 0) >= MAX_PATCH_FAILURES:
        raise _read_first(asked, path)
    if known.content is not None or known.sha == "absent":
        return None
    if known.missing is None:
        raise _read_first(asked, path)
    return NeedsRead(path, *known.missing)


def _read_first(asked: Preparation, path: str) -> ToolError:
    """The file must be read (again) before it can be changed."""
    failures = asked.failures.get(path, 0)
    return ToolError(
        ToolCode.READ_FIRST, f"Read {path} before changing it.", path=path, failures=failures
    )


def _bases(asked: Preparation, paths: tuple[str, ...]) -> dict[str, Base | None]:
    """The known contents of the files that a patch is for."""
    known = {path: asked.files.get(path) for path in paths}
    return {
        path: Base(file.content, file.executable) if file and file.content is not None else None
        for path, file in known.items()
    }


def _emitted(asked: Preparation, patch: PreparedPatch) -> Prepared:
    """The call with the canonical diff in place of the model's."""
    kept = {k: v for k, v in asked.arguments.items() if k not in {"diff", "review_id", "at"}}
    guard = {"files": [change.guard() for change in patch.files]}
    review = {"hunks": [hunk.to_wire() for hunk in patch.hunks]}
    return _bound(asked.tool, {**kept, "diff": patch.diff}, guard, review)
