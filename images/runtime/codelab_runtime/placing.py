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
from codelab_runtime.files import Files
from codelab_runtime.preparing import (
    PATCH_TOOLS,
    GuardedFiles,
    NeedsRead,
    Preparation,
    Prepared,
    bound,
    prepared,
    read_first,
)

MAX_PATCH_FAILURES: Final = 3
"""Misplaced patches of one file until it must be read again."""
SHORT_FILE_LINES: Final = 300
"""A model that cannot patch a file of this length had better write it."""


def placed(asked: Preparation) -> Prepared | NeedsRead:
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


def _placed_patch(asked: Preparation) -> Prepared | NeedsRead:
    """A patch, placed in the files as the model saw them."""
    diff = _asked_diff(asked)
    made_for = asked.known_diffs.get(patch_key(diff))
    if made_for is not None:
        made = diff.rstrip("\n") + "\n"  # as it was made
        if _are_at(made_for, "pre_sha", asked.files):
            return _emitted(asked, restore(made, _bases(asked.files, _paths(made_for))))
        if _are_at(made_for, "post_sha", asked.files):  # the client says whether it is so
            return bound(asked.tool, _arguments(asked, made), {"files": [*made_for]})
    patch = parse_patch(diff)
    for path in patch.base_paths:
        gap = _gap(asked, path)
        if gap:
            return gap
    return _emitted(asked, _prepared_patch(asked, patch))


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


def _emitted(asked: Preparation, patch: PreparedPatch) -> Prepared:
    """The call with the canonical diff in place of the model's."""
    guard = {"files": [change.guard() for change in patch.files]}
    review = {"hunks": [hunk.to_wire() for hunk in patch.hunks]}
    return bound(asked.tool, _arguments(asked, patch.diff), guard, review)


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
