"""From a parsed patch and the files it is about to a prepared patch, or a typed refusal. Pure."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from codelab_core.patch.assemble import assemble
from codelab_core.patch.canonical import CanonicalFile, canonical_hunks
from codelab_core.patch.canonical_parser import parse_canonical
from codelab_core.patch.edits import Run, as_git_lines, with_ends
from codelab_core.patch.failures import Budget, failed
from codelab_core.patch.locate import Problem, Session, locate
from codelab_core.patch.model import AppliedHunk, FilePatch, Patch
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.patch.repeats import AppliedChanges
from codelab_core.patch.sources import base_of, text_of
from codelab_core.patch.text import TextFile
from codelab_core.tool_errors import ToolCode, ToolError

_NO_CHOICE: Final[Mapping[int, int]] = MappingProxyType({})
_ALSO_MAX: Final = 9


def prepare(
    patch: Patch,
    bases: Mapping[str, Base | None],
    *,
    at: Mapping[int, int] = _NO_CHOICE,
    applied: Collection[AppliedHunk] = (),
) -> PreparedPatch:
    """Place every hunk in the files as they are, or refuse the patch as a whole.

    `bases` holds what the session knows, by path; a path that is missing or `None` is not known,
    or known to be absent. `at` maps ordinals of hunks to the lines that the model chose, both from
    1; `applied` is what was applied in this session before.

    Raises `ToolError`: `READ_FIRST` {path} for a file that is not known, `CONFLICT` stale_base for
    a new one that exists, `BINARY_FILE`, `ENCODING_ERROR`, `PATCH_INVALID` (too_large, too_complex)
    and `PATCH_APPLY_FAILED` {path, hunk, reason, ..., also?}: the first hunk that fails with all
    that helps to mend it, up to nine others in short. `INVALID_ARGUMENTS` for `at` without a hunk.
    """
    _check_choices(patch, at)
    session = Session(at, AppliedChanges(applied), Budget())
    files: list[CanonicalFile] = []
    problems: list[Problem] = []
    for file in patch.files:
        base = base_of(file, bases)
        text = text_of(file, base)
        runs, wrong = locate(file, text, session)
        problems += wrong
        if not problems:
            files.append(_canonical(file, base, text, runs))
    if problems:
        raise _error(problems)
    return assemble(files, bases)


def restore(diff: str, bases: Mapping[str, Base | None]) -> PreparedPatch:
    """A prepared patch from its canonical diff, such as one that another process made.

    Equal to the first one but for `match`, which reads `exact`. Raises `PATCH_INVALID` syntax,
    `PATCH_APPLY_FAILED` post_mismatch for other bases.
    """
    return assemble(parse_canonical(diff), bases)


def _check_choices(patch: Patch, at: Mapping[int, int]) -> None:
    """Raise for a choice that is about no hunk of the patch."""
    ordinals = {hunk.ordinal for file in patch.files for hunk in file.hunks}
    unknown = sorted(set(at) - ordinals)
    if unknown:
        message = f"`at` names hunk {unknown[0]}, but the patch has {len(ordinals)}."
        raise ToolError(ToolCode.INVALID_ARGUMENTS, message, errors=[message])


def _canonical(
    file: FilePatch, base: Base | None, text: TextFile, runs: Sequence[Run]
) -> CanonicalFile:
    """The change with exact lines. Raises `PATCH_APPLY_FAILED` no_change."""
    marks = [hunk.bom for hunk in file.hunks if hunk.bom is not None]
    bom = marks[-1] if marks else text.bom
    old, edits = as_git_lines(text, with_ends(text, runs), bom=bom and file.operation != "delete")
    old_executable = None if base is None else base.executable
    kept = old_executable if file.executable is None else file.executable
    change = CanonicalFile(
        operation=file.operation,
        path=file.path,
        old_path=file.old_path,
        old_executable=old_executable,
        executable=None if file.operation == "delete" else bool(kept),
        hunks=canonical_hunks(old, edits),
    )
    if file.operation == "modify" and not change.hunks and not change.mode_changed:
        ordinal = file.hunks[0].ordinal if file.hunks else 0
        message = f"The patch leaves {file.path} as it is."
        raise failed("no_change", message, {"path": file.path, "hunk": ordinal})
    return change


def _error(problems: Sequence[Problem]) -> ToolError:
    """The first problem in full, the others in short."""
    first, *others = problems
    also = [_short(problem) for problem in others[:_ALSO_MAX]]
    facts = {**first.facts, "also": also} if also else first.facts
    message = f"{first.path}, hunk {first.ordinal}: {first.failure.message}"
    return failed(first.failure.reason, message, facts)


def _short(problem: Problem) -> dict[str, Any]:
    """A problem with the lines of its candidates, if it has any."""
    lines = [candidate["line"] for candidate in problem.failure.facts.get("candidates", ())]
    facts = {"path": problem.path, "hunk": problem.ordinal, "reason": problem.failure.reason}
    return {**facts, "lines": lines} if lines else facts
