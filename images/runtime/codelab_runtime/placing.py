"""From the model's patch to one that is placed exactly in the files that the session knows. Pure.

Possibly slow: a patch may take a second, so the worker runs this in a thread.
"""

from collections.abc import Iterable
from typing import Any, Final

from codelab_core.patch.build import prepare, restore
from codelab_core.patch.canonical import patch_key
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.model import Patch
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import WRITE_MAX_CHARS
from codelab_runtime.files import Files
from codelab_runtime.preparing import (
    PATCH_TOOLS,
    GuardedFiles,
    NeedsRead,
    Preparation,
    Prepared,
    Split,
    bound,
    prepared,
    read_first,
)

MAX_PATCH_FAILURES: Final = 3
"""Misplaced patches of one file until it must be read again."""
MAX_SPLIT_BYTES: Final = 4 * 1_048_576
"""Of all new files of a patch that is carried out by writes: they are journaled together."""
SHORT_FILE_LINES: Final = 300
"""A model that cannot patch a file of this length had better write it."""


def placed(asked: Preparation) -> Prepared | NeedsRead | Split:
    """What is to run, for every tool, patches placed; or what must be read first.

    Raises `ToolError` with any code of docs/tools.md that the model can mend.
    """
    checked = prepared(asked)
    if asked.tool not in PATCH_TOOLS:
        return checked
    try:
        return _placed_patch(asked)
    except ToolError as error:
        raise _advised(asked, error) from None


def _placed_patch(asked: Preparation) -> Prepared | NeedsRead | Split:
    """A patch, placed in the files as the model saw them."""
    diff = _asked_diff(asked)
    made_for = asked.known_diffs.get(patch_key(diff))
    if made_for is not None:
        made = diff.rstrip("\n") + "\n"  # as it was made
        if _are_at(made_for, "pre_sha", asked.files):
            return _ready(asked, restore(made, _bases(asked.files, _paths(made_for))))
        is_whole = not asked.offered[asked.tool].by_writes
        if is_whole and _are_at(made_for, "post_sha", asked.files):  # the client says whether so
            return bound(asked.tool, _arguments(asked, made), {"files": [*made_for]})
    patch = parse_patch(diff)
    for path in patch.base_paths:
        gap = _gap(asked, path)
        if gap:
            return gap
    return _ready(asked, _prepared_patch(asked, patch))


def _prepared_patch(asked: Preparation, patch: Patch) -> PreparedPatch:
    """The patch in the files that it is about; what was done to others does not matter."""
    paths = {path for file in patch.files for path in file.paths}
    return prepare(
        patch,
        _bases(asked.files, paths),
        at={place["hunk"]: place["line"] for place in asked.arguments.get("at") or ()},
        applied=[hunk for hunk in asked.applied if hunk.path in paths],
    )


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


def _paths(made_for: GuardedFiles) -> set[str]:
    """All paths of a guard."""
    return {file[name] for file in made_for for name in ("path", "old_path") if name in file}


def _are_at(made_for: GuardedFiles, state: str, files: Files) -> bool:
    """Whether all files are known to be as a guard says they are before, or after."""
    for file in made_for:
        path = file.get("old_path", file["path"]) if state == "pre_sha" else file["path"]
        known = files.get(path)
        wanted = file.get(state)
        if known is None and wanted == "absent" and state == "pre_sha":
            continue
        if known is None or known.stale or known.sha != wanted:
            return False
    return True


def _gap(asked: Preparation, path: str) -> NeedsRead | None:
    """Lines of a base file still to be read; raises `READ_FIRST` where the model must read."""
    known = asked.files.get(path)
    failures = asked.failures.get(path, 0) - asked.forgiven.get(path, 0)
    if known is None or known.stale or failures >= MAX_PATCH_FAILURES:
        raise read_first(asked, path)
    if known.content is not None or known.sha == "absent":
        return None
    if known.missing is None:
        raise read_first(asked, path)
    return NeedsRead(path, *known.missing)


def _bases(files: Files, paths: Iterable[str]) -> dict[str, Base | None]:
    """The known contents of files."""
    known = {path: files.get(path) for path in paths}
    return {
        path: Base(file.content, file.executable) if file and file.content is not None else None
        for path, file in known.items()
    }


def _ready(asked: Preparation, patch: PreparedPatch) -> Prepared | Split:
    """The call with the canonical diff in place of the model's, or one write for each file."""
    if asked.offered[asked.tool].by_writes:
        return _split(patch)
    guard = {"files": [change.guard() for change in patch.files]}
    review = {"hunks": [hunk.to_wire() for hunk in patch.hunks]}
    return bound(asked.tool, _arguments(asked, patch.diff), guard, review)


def _split(patch: PreparedPatch) -> Split:
    """The files of a patch, whole. Raises `PATCH_INVALID` unsupported for more than contents."""
    for change in patch.files:
        if change.op not in {"create", "modify"} or change.executable is not None:
            message = f"Here files can only be written; {change.path} would need more than that."
            raise ToolError(ToolCode.PATCH_INVALID, message, reason="unsupported")
    _check_sizes(patch)
    guard = {"files": [change.guard() for change in patch.files]}
    review = {"hunks": [hunk.to_wire() for hunk in patch.hunks]}
    contents = {path: (content or b"").decode() for path, content in patch.posts.items()}
    return Split(patch.diff, guard, review, contents)


def _check_sizes(patch: PreparedPatch) -> None:
    """Raise `PATCH_INVALID` too_large for files that no call could carry, or all calls together."""
    sizes = [len(content or b"") for content in patch.posts.values()]
    for what, limit, actual in (
        ("file", WRITE_MAX_CHARS, max(sizes, default=0)),
        ("files", MAX_SPLIT_BYTES, sum(sizes)),
    ):
        if actual > limit:
            message = f"Here whole files are written; {actual} bytes are more than {limit}."
            facts = {"what": what, "limit": limit, "actual": actual}
            raise ToolError(ToolCode.PATCH_INVALID, message, reason="too_large", **facts)


def _arguments(asked: Preparation, diff: str) -> dict[str, Any]:
    """The arguments with this diff."""
    kept = {k: v for k, v in asked.arguments.items() if k not in {"diff", "review_id", "at"}}
    return {**kept, "diff": diff}


def _advised(asked: Preparation, error: ToolError) -> ToolError:
    """After many failures at one file: another way, as the size of the file allows."""
    path = error.details.get("path")
    known = asked.files.get(path) if isinstance(path, str) else None
    is_misplaced = error.code is ToolCode.PATCH_APPLY_FAILED
    failures = asked.failures.get(path or "", 0) + is_misplaced
    is_counted = is_misplaced or error.code is ToolCode.READ_FIRST
    if not (is_counted and known and failures >= 2 * MAX_PATCH_FAILURES):
        return error
    lines = known.total_lines or (known.content or b"").count(b"\n")
    if lines < SHORT_FILE_LINES and "write_file" in asked.offered:
        advice = f"Write {path} as a whole by write_file."
    else:
        advice = "Send one hunk per call."
    return ToolError(error.code, f"{error.message} {advice}", **error.details, advice=advice)
