"""A client's answer to a call, as the model is told it: JSON with `success`."""

from collections.abc import Mapping
from typing import Any

from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.turn.state import Call


def failure_body(error: ToolError) -> dict[str, Any]:
    """What the model is told of a failure."""
    return {"success": False, "error": error.to_wire()}


def result_body(call: Call | None, command: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The body for the model, and the code where the call failed.

    `error` wins over `result`; a text as error, or `result.success` false, is `TOOL_FAILED`.
    """
    error, result = command.get("error"), command.get("result")
    if isinstance(result, Mapping) and result.get("success") is False and error is None:
        error = result.get("error") or "The tool failed."
    if error is not None:
        failure = _failure(error)
        return {"success": False, "error": failure}, failure["code"]
    body = dict(result) if isinstance(result, Mapping) else {"result": result}
    if result is None:
        body = {}
    return {"success": True, **body, **_applied(call), **_edited(call)}, None


def _failure(error: Any) -> dict[str, Any]:
    """The error object of a client's answer."""
    if isinstance(error, Mapping) and isinstance(error.get("code"), str):
        details = error.get("details")
        return {
            "code": error["code"],
            "message": str(error.get("message", "")),
            "details": dict(details) if isinstance(details, Mapping) else {},
        }
    return {"code": str(ToolCode.TOOL_FAILED), "message": str(error)[:4000], "details": {}}


def _applied(call: Call | None) -> dict[str, Any]:
    """For a patch: which hunks are in the files now. What was applied, not what was proposed."""
    if call is None or call.tool != "apply_patch" or not call.review:
        return {}
    return {"applied": applied_hunks(call.review)}


def applied_hunks(review: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where the hunks of a patch are now, as the model is told it."""
    fields = ("hunk_id", "path", "new_start", "new_lines")
    return [{name: hunk[name] for name in fields} for hunk in review["hunks"]]


def _edited(call: Call | None) -> dict[str, Any]:
    """What really ran, where a person changed what the model had asked for."""
    return {"edited": dict(call.arguments)} if call and call.edited else {}


def answer_fault(call: Call, command: Mapping[str, Any]) -> ToolError | None:
    """Why an answer to a question is none, or `None`."""
    result = command.get("result")
    if call.tool != "prompt_user" or command.get("error") is not None:
        return None
    action = result.get("action") if isinstance(result, Mapping) else None
    allowed = call.arguments.get("actions", ())
    free_text = call.arguments.get("allow_text") and action == "text"
    if action in allowed or free_text:
        return None
    return ToolError(
        ToolCode.INVALID_ARGUMENTS,
        f"The action must be one of: {', '.join(map(str, allowed))}.",
        errors=[{"loc": "action", "msg": "not offered"}],
    )
