"""`apply_patch`: a canonical diff at its exact lines, all files or none.

Nothing is placed here. The runtime has placed the patch; a diff that does not fit is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from codelab_client.effects import Effects, NewFile, Outcome, Request
from codelab_client.failures import invalid_arguments, post_mismatch
from codelab_client.path_locks import Claim
from codelab_client.threads import run_in_thread
from codelab_client.tool import Job, Result, Tool
from codelab_client.workspace import Seen
from codelab_core.patch.apply import apply_files
from codelab_core.patch.canonical import CanonicalFile
from codelab_core.patch.canonical_parser import parse_canonical
from codelab_core.patch.failures import BASE_MAX_BYTES, PATCH_MAX_BYTES, PATCH_MAX_FILES, within
from codelab_core.tools import ApplyPatchArguments

# The largest base with the largest patch applied must still be readable.
_FILE_MAX_BYTES: Final = BASE_MAX_BYTES + PATCH_MAX_BYTES


def apply_patch_tool(effects: Effects) -> Tool[ApplyPatchArguments]:
    """`apply_patch` by way of `effects`."""

    async def run(job: Job[ApplyPatchArguments]) -> Result:
        return await run_in_thread(_apply, effects, job)

    return Tool(
        "apply_patch",
        "write",
        ApplyPatchArguments,
        timeout_ms=None,
        claim=_claim,
        run=run,
    )


def _claim(job: Job[ApplyPatchArguments]) -> Claim:
    """What the guard names, which is all that may be touched."""
    paths = job.guard.paths if job.guard is not None else _paths(_parsed(job.arguments))
    return Claim.writing(*paths)


def _apply(effects: Effects, job: Job[ApplyPatchArguments]) -> Result:
    """Make the changes of the diff."""
    changes = _parsed(job.arguments)
    paths = _paths(changes)
    if job.guard is not None:
        for path in set(paths) ^ set(job.guard.paths):
            raise post_mismatch(path)

    def make(seen: Mapping[str, Seen]) -> dict[str, NewFile]:
        return _new_files([change for change in changes if change.path in seen], seen)

    return effects.carry_out(Request(job.key, paths, job.guard, make, _applied, _FILE_MAX_BYTES))


def _applied(outcome: Outcome) -> Result:
    """The result of `apply_patch`."""
    result = {
        "success": True,
        "files_modified": [file.path for file in outcome.guard.files],
        "files": outcome.guard.to_wire(),
    }
    return {**result, "already_applied": True} if outcome.already else result


def _parsed(arguments: ApplyPatchArguments) -> Sequence[CanonicalFile]:
    """The files of the diff. Raises `INVALID_ARGUMENTS` without one, `PATCH_INVALID`."""
    changes = parse_canonical(arguments.diff) if arguments.diff is not None else ()
    within("files", len(changes), PATCH_MAX_FILES)
    if not changes:
        fault = {"loc": "diff", "msg": "a diff with at least one file"}
        raise invalid_arguments("There is no diff to apply.", fault)
    return changes


def _paths(changes: Sequence[CanonicalFile]) -> list[str]:
    """Every path that the changes touch."""
    return [path for change in changes for path in (change.old_path, change.path) if path]


def _new_files(changes: Sequence[CanonicalFile], seen: Mapping[str, Seen]) -> dict[str, NewFile]:
    """The files after the changes; a mode only where the diff sets one."""
    contents = apply_files(changes, {path: file.content for path, file in seen.items()})
    kept = {
        change.path: NewFile(contents[change.path], _executable(change), change.old_path)
        for change in changes
    }
    return {path: kept.get(path, NewFile(None)) for path in contents}


def _executable(change: CanonicalFile) -> bool | None:
    """What the diff says of the mode; `None` where it says nothing."""
    named = change.mode_changed or change.operation == "create"
    return change.executable if named else None
