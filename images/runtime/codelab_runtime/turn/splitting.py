"""A patch for a client that can only write files: one call for each, reported as one."""

from typing import Any

from codelab_runtime.preparing import Split
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.outcomes import Ending, settle
from codelab_runtime.turn.results import applied_hunks
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
        writes = _writes(turn, call)
        if call.phase == "split" and all(write.phase == "settled" for write in writes):
            settle(draft, call, _ending(turn, call))


def report(turn: Turn, call: Call) -> dict[str, Any]:
    """What the model is told of a patch: what was written, and that it was not done as a whole."""
    writes = _writes(turn, call)
    done = [write for write in writes if write.outcome == "completed"]
    as_asked = {write.arguments["path"] for write in done if not write.edited}
    files = [file for write in done for file in (write.guard or {}).get("files", ())]
    applied = [hunk for hunk in applied_hunks(call.review or {}) if hunk["path"] in as_asked]
    edited = [dict(write.arguments) for write in done if write.edited]
    return {
        "success": len(done) == len(writes),
        "atomic": False,
        "applied": applied,
        **({"edited": edited} if edited else {}),
        "files": files,
        "files_modified": sorted(file["path"] for file in files),
    }


def missed(turn: Turn, call: Call) -> list[dict[str, Any]]:
    """What kept files of a patch from being written: {path, call_id, code, message, details}."""
    return [
        {"path": write.arguments["path"], "call_id": write.call_id, **(write.fault or {})}
        for write in _writes(turn, call)
        if write.phase == "settled" and write.outcome != "completed"
    ]


def _writes(turn: Turn, call: Call) -> list[Call]:
    """The writes of a patch."""
    return [write for write in turn.calls if write.parent == call.call_id]


def _ending(turn: Turn, call: Call) -> Ending:
    """The outcome of a patch: that of its first write that failed, if one did."""
    body, failed = report(turn, call), missed(turn, call)
    if not failed:
        return Ending("completed", body)
    code, message = failed[0]["code"], f"{len(failed)} files were not written."
    error = {"code": code, "message": message, "details": {"failed": failed}}
    return Ending("failed", {**body, "error": error}, code=code)
