"""A session's past as REST shows it: history, open approvals, usage. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from codelab_core.clock import rfc3339
from codelab_core.protocol.agent import History, PendingApprovals, UsageList
from codelab_runtime.turn.records import LlmDone, LlmRequested, Record
from codelab_runtime.turn.state import Message, SessionState


def history(state: SessionState, limit: int, before: str | None) -> History:
    """The newest `limit` items, oldest first; with `before`, those older than that message."""
    items = [item for message in state.history for item in _items(message)]
    if before is not None:
        ends = [index for index, item in enumerate(items) if item.get("message_id") == before]
        items = items[: ends[0]] if ends else []
    kept = items[-limit:]
    return History(
        session_id=state.session_id,
        messages=kept,
        message_count=len(items),
        last_activity=rfc3339(state.updated_ms),
    )


def _items(message: Message) -> list[dict[str, Any]]:
    """A message as items: text is one, every tool call another; notes are not shown."""
    facts = {"turn_id": f"t{message.turn}", "created_at": rfc3339(message.at_ms)}
    match message.role:
        case "note":
            return []
        case "tool":
            text = orjson.dumps(dict(message.body or {})).decode()
            return [{"role": "tool", "tool_call_id": message.call_id, "content": text, **facts}]
    facts = {"message_id": message.message_id, **facts}
    items: list[dict[str, Any]] = []
    if message.content:
        items.append({"role": message.role, "content": message.content, **facts})
    for call in message.calls:
        function = {"name": call.tool, "arguments": call.arguments}
        asked = {"id": call.call_id, "type": "function", "function": function}
        items.append({"role": message.role, "tool_calls": [asked], **facts})
    return items


def pending_approvals(state: SessionState) -> PendingApprovals:
    """Calls that wait for a person, oldest first."""
    calls = state.turn.unsettled if state.turn else ()
    waiting = [
        {
            "call_id": call.call_id,
            "tool_name": call.tool,
            "arguments": dict(call.arguments),
            "created_at": rfc3339(state.updated_ms),
        }
        for call in calls
        if call.awaits_decision
    ]
    return PendingApprovals(
        session_id=state.session_id, pending_approvals=waiting, count=len(waiting)
    )


def usage(records: Iterable[Record]) -> UsageList:
    """One entry per inference that ended, with what its provider reported."""
    requests: list[dict[str, Any]] = []
    asked_ms = 0
    for record in records:
        if isinstance(record, LlmRequested):
            asked_ms = record.at_ms
        elif isinstance(record, LlmDone):
            requests.append(_request(record, record.at_ms - asked_ms))
    return UsageList(
        requests=requests,
        total_tokens=sum(map(_tokens, requests)),
        total_duration_ms=sum(request["duration_ms"] for request in requests),
    )


def _request(record: LlmDone, duration_ms: int) -> dict[str, Any]:
    """One inference; tokens that nobody reported are left out."""
    facts = {
        "success": True,
        "model": record.model,
        "provider": record.provider,
        "duration_ms": duration_ms,
    }
    return {**record.usage, **facts}


def _tokens(request: Mapping[str, Any]) -> int:
    """Tokens read and written by one inference."""
    return int(request.get("prompt_tokens", 0)) + int(request.get("completion_tokens", 0))
