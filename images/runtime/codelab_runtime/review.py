"""What a person picked from a patch: the report for the model and the diff to be applied. Pure."""

from collections.abc import Mapping
from typing import Any

from codelab_core.patch.build import restore
from codelab_core.patch.prepared import Base
from codelab_core.patch.select import select
from codelab_core.patch.selection import Selection
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.files import Files
from codelab_runtime.preparing import Reviewed
from codelab_runtime.turn.state import Call


def reviewed(call: Call, answer: Mapping[str, Any], files: Files) -> Reviewed:
    """The outcome of an answered review.

    Raises `PATCH_APPLY_FAILED`/dependent for a choice that cannot stand alone (the call stays
    open), `INVALID_ARGUMENTS` for an answer that names no hunk of the patch.
    """
    bases = _bases(call, files)
    patch = restore(str(call.arguments["diff"]), bases)
    refuse_all = answer.get("action") != "apply"
    chosen = select(patch, bases, Selection.from_wire({} if refuse_all else answer))
    body = {"success": True, "review_id": call.call_id, **chosen.report(), **_message(answer)}
    return Reviewed(body, chosen.prepared.diff if chosen.prepared else None)


def _message(answer: Mapping[str, Any]) -> dict[str, str]:
    """What the person wrote to the model about it."""
    message = answer.get("message")
    return {"message": message} if isinstance(message, str) and message else {}


def _bases(call: Call, files: Files) -> dict[str, Base | None]:
    """The contents that the reviewed patch was placed in."""
    bases: dict[str, Base | None] = {}
    for file in (call.guard or {}).get("files", ()):
        path = file.get("old_path", file["path"])
        known = files.get(path)
        if file["pre_sha"] == "absent":
            bases[path] = None
        elif known is None or known.sha != file["pre_sha"] or known.content is None:
            raise ToolError(
                ToolCode.READ_FIRST, f"{path} changed during the review.", path=path, failures=0
            )
        else:
            bases[path] = Base(known.content, known.executable)
    return bases
