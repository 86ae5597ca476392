"""A patch for a client that can only write files: one call for each, reported as one."""

from collections.abc import Mapping, Sequence
from typing import Any

from codelab_core.tool_errors import ToolCode
from codelab_runtime.preparing import Split
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.outcomes import Ending, settle
from codelab_runtime.turn.split_record import FileWrite, ToolSplit
from codelab_runtime.turn.state import Call, Turn


def split_up(draft: Draft, call: Call, outcome: Split) -> None:
    """Plan the writes of a patch, in the order of its paths."""
    writes = [
        FileWrite(call_id=f"{call.call_id}-f{n}", path=path, content=content)
        for n, (path, content) in enumerate(sorted(outcome.contents.items()))
    ]
    draft.record(
        ToolSplit(
            call_id=call.call_id,
            diff=outcome.diff,
            guard=dict(outcome.guard),
            review=dict(outcome.review),
            writes=writes,
        )
    )


def settle_splits(draft: Draft) -> None:
    """Give each patch its outcome whose writes all have theirs."""
    turn = draft.turn
    for call in turn.calls:
        parts = _parts(turn, call)
        if call.phase == "split" and all(part.phase == "settled" for part in parts):
            settle(draft, call, _ending(call, parts))


def _parts(turn: Turn, call: Call) -> list[Call]:
    """The writes of a patch."""
    return [part for part in turn.calls if part.parent == call.call_id]


def _ending(call: Call, parts: Sequence[Call]) -> Ending:
    """The report: what was written, what was not, and that it was not done as a whole."""
    done = {part.arguments["path"] for part in parts if part.outcome == "completed"}
    missed = [part for part in parts if part.outcome != "completed"]
    body: dict[str, Any] = {
        "success": not missed,
        "atomic": False,
        "applied": _of(done, (call.review or {})["hunks"]),
        "files": _of(done, (call.guard or {})["files"]),
        "files_modified": sorted(done),
    }
    if not missed:
        return Ending("completed", body)
    code = missed[0].code or str(ToolCode.TOOL_FAILED)
    failed = [{"path": part.arguments["path"], "code": part.code} for part in missed]
    message = f"{len(done)} of {len(parts)} files were written."
    body["error"] = {"code": code, "message": message, "details": {"failed": failed}}
    return Ending("failed", body, code=code)


def _of(paths: set[str], entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries about these paths."""
    return [dict(entry) for entry in entries if entry["path"] in paths]
