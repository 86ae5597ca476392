"""Runs one call of one tool; whatever goes wrong becomes its answer."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from codelab_client.failures import from_os_error, invalid_arguments
from codelab_client.guard import Guard
from codelab_client.path_locks import PathLocks
from codelab_client.tool import Job, Tool
from codelab_core.protocol.events import ToolCall
from codelab_core.tool_errors import ToolCode, ToolError

Answer = Mapping[str, Any]
"""`{"result": …}` or `{"error": {code, message, details}}`."""

log = logging.getLogger(__name__)

_MAX_FAULTS: Final = 10
_LOC_CHARS: Final = 200


async def outcome(tool: Tool[Any], call: ToolCall, paths: PathLocks) -> Answer:
    """The answer of a call that runs now, once it may touch what it names.

    Raises nothing but `CancelledError`.
    """
    timeout_ms = _timeout_ms(tool, call)
    deadline = asyncio.timeout(None if timeout_ms is None else timeout_ms / 1000)
    try:
        job = _job(tool, call)
        async with deadline, paths.hold(tool.claim(job)):
            return {"result": await tool.run(job)}
    except ToolError as error:
        return {"error": error.to_wire()}
    except OSError as error:
        timed_out = deadline.expired()
        failure = _timed_out(timeout_ms) if timed_out else from_os_error(error, "the workspace")
        return {"error": failure.to_wire()}
    except Exception:
        log.exception("tool failed", extra={"tool": tool.name, "call_id": call.call_id})
        message = "The tool failed for an unknown reason."
        return {"error": ToolError(ToolCode.TOOL_FAILED, message).to_wire()}


def _job(tool: Tool[Any], call: ToolCall) -> Job[Any]:
    """The call with its arguments read. Raises `INVALID_ARGUMENTS`."""
    guarded = tool.kind == "write" and call.guard is not None
    try:
        arguments = tool.arguments.model_validate(call.arguments)
        return Job(call, arguments, Guard.model_validate(call.guard) if guarded else None)
    except ValidationError as error:
        faults = [
            {"loc": ".".join(map(str, fault["loc"]))[:_LOC_CHARS], "msg": fault["msg"]}
            for fault in error.errors(include_url=False, include_input=False)
        ]
        message = f"The arguments of {tool.name} are not valid."
        raise invalid_arguments(message, *faults[:_MAX_FAULTS]) from None


def _timeout_ms(tool: Tool[Any], call: ToolCall) -> int | None:
    """How long the call may run; 0 in a call is without end, as is a tool that ends itself."""
    if tool.timeout_ms is None:
        return None
    return (tool.timeout_ms if call.timeout_ms is None else call.timeout_ms) or None


def _timed_out(timeout_ms: int | None) -> ToolError:
    """`TOOL_TIMEOUT`."""
    message = f"The tool did not end within {timeout_ms} ms."
    return ToolError(ToolCode.TOOL_TIMEOUT, message, timeout_ms=timeout_ms)
