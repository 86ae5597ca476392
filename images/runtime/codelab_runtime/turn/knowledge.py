"""What the outcome of a call teaches the session: file contents, applied hunks, failures. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from codelab_core.patch.apply import applied_hunks, apply_canonical
from codelab_core.patch.canonical import patch_key
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.files import Files, learn_read, learn_write, mark_stale
from codelab_runtime.preparing import GuardedFiles
from codelab_runtime.turn.records import ToolReleased, ToolSettled
from codelab_runtime.turn.state import Call, SessionState, with_turn

MAX_KNOWN_DIFFS: Final = 100


def after_release(state: SessionState, record: ToolReleased) -> SessionState:
    """A call goes out: its diff is one that we made, and an approval by review is used up."""
    diff = record.arguments.get("diff")
    if not isinstance(diff, str) or record.guard is None:
        return state
    state = _with_diff(state, diff, record.guard["files"])
    return without_review(state, diff) if record.tool == "apply_patch" else state


def without_review(state: SessionState, diff: str) -> SessionState:
    """The approval of this diff, if there was one, is used up."""
    reviews = state.turn.reviews.items() if state.turn else ()
    return with_turn(state, reviews={name: good for name, good in reviews if good != diff})


def _with_diff(state: SessionState, diff: str, made_for: GuardedFiles) -> SessionState:
    """Remember a canonical diff with the guard of the files that it is for."""
    kept = list(state.known_diffs.items())[1 - MAX_KNOWN_DIFFS :]
    return replace(state, known_diffs={**dict(kept), patch_key(diff): made_for})


def after_call(state: SessionState, call: Call, record: ToolSettled) -> SessionState:
    """The state with what this outcome teaches."""
    if record.reviewed is not None and state.turn:
        reviews = {**state.turn.reviews, call.call_id: record.reviewed}
        state = _with_diff(with_turn(state, reviews=reviews), record.reviewed, _picked_from(call))
    if call.phase == "split":
        return _after_split(state, call)
    if record.outcome != "completed":
        return _after_failure(state, call, record)
    match call.tool:
        case "read_file":
            state = _after_read(state, call, record.body)
        case "write_file":
            content = str(call.arguments.get("content", "")).encode("utf-8", "surrogatepass")
            path = str(call.arguments.get("path"))
            state = replace(state, files=learn_write(state.files, path, content))
        case "apply_patch":
            state = _after_patch(state, call)
    return state


def _picked_from(call: Call) -> GuardedFiles:
    """The files of a reviewed patch as they are; what becomes of them was for the whole patch."""
    files = call.guard["files"] if call.guard else ()
    return [{name: file[name] for name in file if name != "post_sha"} for file in files]


def _after_read(state: SessionState, call: Call, body: Mapping[str, Any]) -> SessionState:
    """A file was read: its content is known; if the model read it, failed patches are forgiven."""
    path = str(call.arguments.get("path"))
    if state.turn and path in state.turn.patch_failures and call.origin == "model":
        forgiven = {**state.turn.forgiven, path: state.turn.patch_failures[path]}
        state = with_turn(state, forgiven=forgiven)
    return replace(state, files=learn_read(state.files, path, body))


def _after_patch(state: SessionState, call: Call) -> SessionState:
    """A patch was applied: its files have exactly the bytes that were computed for it."""
    diff = str(call.arguments.get("diff", ""))
    guarded: GuardedFiles = call.guard["files"] if call.guard else ()
    if guarded and all(_is_at(state.files, file["path"], file["post_sha"]) for file in guarded):
        return state  # the same patch once more
    paths = [file[name] for file in guarded for name in ("path", "old_path") if name in file]
    before = {path: state.files[path].content for path in paths if path in state.files}
    try:
        after = apply_canonical(diff, before)
    except ToolError:  # the client has done it; only our picture of the files is not good enough
        return replace(state, files={p: f for p, f in state.files.items() if p not in paths})
    files = state.files
    for path, content in after.items():
        files = learn_write(files, path, content)
    return replace(state, files=files, applied=(*state.applied, *applied_hunks(diff, call.call_id)))


def _after_split(state: SessionState, call: Call) -> SessionState:
    """A patch was carried out by writes: its changes are made in the files that were written."""
    guarded = call.guard["files"] if call.guard else ()
    done = {f["path"] for f in guarded if _is_at(state.files, f["path"], f["post_sha"])}
    made = applied_hunks(str(call.arguments["diff"]), call.call_id)
    return replace(state, applied=(*state.applied, *(h for h in made if h.path in done)))


def _is_at(files: Files, path: str, sha: str) -> bool:
    """Whether a file is known to have this content."""
    return path in files and files[path].sha == sha


def _after_failure(state: SessionState, call: Call, record: ToolSettled) -> SessionState:
    """A write failed: files that changed under us are stale, misplaced patches are counted."""
    if (
        call.origin == "runtime" and call.tool == "read_file"
    ):  # a file that cannot be read any more is not known any more
        gone = str(call.arguments.get("path"))
        return replace(state, files={p: f for p, f in state.files.items() if p != gone})
    path = _failed_path(record.body)
    if path is None or state.turn is None:
        return state
    failures = state.turn.patch_failures
    if record.code == ToolCode.CONFLICT:
        state = replace(state, files=mark_stale(state.files, path))
    if record.code == ToolCode.PATCH_APPLY_FAILED:
        counted = {**failures, path: failures.get(path, 0) + 1}
        state = with_turn(state, patch_failures=counted)
    return state


def _failed_path(body: Mapping[str, Any]) -> str | None:
    """The file that a failure is about."""
    error = body.get("error")
    details = error.get("details") if isinstance(error, Mapping) else None
    path = details.get("path") if isinstance(details, Mapping) else None
    return path if isinstance(path, str) else None
