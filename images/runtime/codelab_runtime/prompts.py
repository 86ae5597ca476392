"""What the model is told: system prompt per model family, tools, the history as messages. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from codelab_runtime.offered import Offered
from codelab_runtime.turn.state import Message, SessionState

SYSTEM: Final = (
    "You are a coding agent. You work in the person's own workspace, only through the tools you are"
    " given; the person sees every change before it is made.\n\n"
    "Read a file before you change it. Change existing files by apply_patch_review, so that the"
    " person can pick hunks, then call apply_patch with the filtered_diff that it returns; create"
    " new files by write_file. Give each hunk enough unchanged lines around it that it fits in"
    " exactly one place. When a tool reports an error, read its message: it says what to do"
    " differently. A refusal by the person stands. When the work is done, say briefly what was"
    " changed."
)

FAMILY_HINTS: Final[Mapping[str, str]] = {
    "gpt": "Call tools in parallel when they do not depend on each other.",
    "claude": "Call several independent tools in one answer. Do not repeat file content in prose.",
    "llama": "Call one tool at a time. Answer with a tool call or with text, never with both.",
}


def system_prompt(family: str) -> str:
    """The system prompt for one model family; an unknown family gets the common part."""
    hint = FAMILY_HINTS.get(family)
    return f"{SYSTEM}\n\n{hint}" if hint else SYSTEM


def request_messages(state: SessionState, family: str, limit: int) -> list[dict[str, Any]]:
    """The neutral messages of the next inference: system prompt, then the history.

    Tool results longer than `limit` bytes keep their head and tail.
    """
    system = {"role": "system", "content": system_prompt(family)}
    return [system, *(_as_request(message, limit) for message in state.history)]


def request_tools(offered: Mapping[str, Offered]) -> list[dict[str, Any]]:
    """The tools as the model may call them, in the driver's order."""
    return [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in offered.values()
    ]


def _as_request(message: Message, limit: int) -> dict[str, Any]:
    """One message of the history as the LLM proxy takes it."""
    match message.role:
        case "assistant":
            return _assistant(message)
        case "tool":
            text = shortened(_text(message.body), limit)
            return {"role": "tool", "call_id": message.call_id, "content": text}
        case "note":
            text = shortened(_text(message.body), limit)
            told = f"[The result of {message.call_id} came after its time was over: {text}]"
            return {"role": "user", "content": told}
    return {"role": "user", "content": message.content}


def _assistant(message: Message) -> dict[str, Any]:
    """An answer of the model, with its calls."""
    told: dict[str, Any] = {"role": "assistant", "content": message.content}
    if message.calls:
        told["tool_calls"] = [
            {"call_id": call.call_id, "name": call.tool, "arguments": call.arguments}
            for call in message.calls
        ]
    if message.provider_state:
        told["provider_state"] = message.provider_state
    return told


def _text(body: Mapping[str, Any] | None) -> str:
    """A tool's outcome as JSON text."""
    return orjson.dumps(body or {}).decode("utf-8", "replace")


def shortened(text: str, limit: int) -> str:
    """Text of at most about `limit` bytes: head and tail at line borders, a marker between.

    JSON text has its line breaks escaped, so borders are looked for in both forms.
    """
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    half = limit // 2
    head = encoded[:half].decode("utf-8", "ignore")
    tail = encoded[-half:].decode("utf-8", "ignore")
    for mark in ("\n", "\\n"):
        if mark in head[half // 2 :] and mark in tail[: half // 2]:
            head = head[: head.rindex(mark) + len(mark)]
            tail = tail[tail.index(mark) :]
            break
    return f"{head}[… shortened: {len(encoded)} bytes in all …]{tail}"
