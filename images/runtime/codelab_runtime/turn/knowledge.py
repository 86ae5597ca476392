"""What the outcome of a call teaches the session: file contents, applied hunks, failures. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from codelab_core.patch.apply import applied_hunks, apply_canonical
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.files import learn_read, learn_write, mark_stale
from codelab_runtime.preparing import normal_form
from codelab_runtime.turn.records import ToolReleased, ToolSettled
from codelab_runtime.turn.state import Call, SessionState, with_turn

MAX_KNOWN_DIFFS: Final = 100
_NONE: Final[Mapping[str, Any]] = {"files": ()}


def after_release(state: SessionState, record: ToolReleased) -> SessionState:
    """A call goes out: its diff is one that we made, and an approval by review is used up."""
    diff = record.arguments.get("diff")
    if not isinstance(diff, str) or record.guard is None:
        return state
    state = _with_diff(state, diff, record.guard)
    if state.turn is None or record.tool != "apply_patch":
        return state
    unused = {call_id: good for call_id, good in state.turn.reviews.items() if good != diff}
    return with_turn(state, reviews=unused)


def _with_diff(state: SessionState, diff: str, guard: Mapping[str, Any]) -> SessionState:
    """Remember a canonical diff with the hashes of the files that it is for."""
    made_for = {file.get("old_path", file["path"]): file["pre_sha"] for file in guard["files"]}
    kept = list(state.known_diffs.items())[1 - MAX_KNOWN_DIFFS :]
    return replace(state, known_diffs={**dict(kept), normal_form(diff): made_for})


def after_call(state: SessionState, call: Call, record: ToolSettled) -> SessionState:
    """The state with what this outcome teaches."""
    if record.reviewed is not None and state.turn:
        reviews = {**state.turn.reviews, call.call_id: record.reviewed}
        state = _with_diff(with_turn(state, reviews=reviews), record.reviewed, call.guard or _NONE)
    if record.outcome != "completed":
        return _after_failure(state, call, record)
    match call.tool:
        case "read_file":
            state = _after_read(state, str(call.arguments.get("path")), record.body)
        case "write_file":
            content = str(call.arguments.get("content", "")).encode("utf-8", "surrogatepass")
            path = str(call.arguments.get("path"))
            state = replace(state, files=learn_write(state.files, path, content))
        case "apply_patch":
            state = _after_patch(state, call)
    return state


def _after_read(state: SessionState, path: str, body: Mapping[str, Any]) -> SessionState:
    """A file was read: its content is known, its failed patches are forgiven."""
    failures = state.turn.patch_failures if state.turn else {}
    state = with_turn(state, patch_failures={p: n for p, n in failures.items() if p != path})
    return replace(state, files=learn_read(state.files, path, body))


def _after_patch(state: SessionState, call: Call) -> SessionState:
    """A patch was applied: its files have exactly the bytes that were computed for it."""
    diff = str(call.arguments.get("diff", ""))
    paths = [file["path"] for file in (call.guard or {}).get("files", ())]
    paths += [
        file["old_path"] for file in (call.guard or {}).get("files", ()) if "old_path" in file
    ]
    before = {path: state.files[path].content for path in paths if path in state.files}
    try:
        after = apply_canonical(diff, before)
    except ToolError:  # the client has done it; only our picture of the files is not good enough
        return replace(state, files={p: f for p, f in state.files.items() if p not in paths})
    files = state.files
    for path, content in after.items():
        files = learn_write(files, path, content)
    return replace(state, files=files, applied=(*state.applied, *applied_hunks(diff, call.call_id)))


def _after_failure(state: SessionState, call: Call, record: ToolSettled) -> SessionState:
    """A write failed: files that changed under us are stale, misplaced patches are counted."""
    if call.origin == "runtime":  # a file that cannot be read any more is not known any more
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
