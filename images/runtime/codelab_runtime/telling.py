"""One message of the history as the LLM proxy takes it. Pure."""

from typing import Any, Final

import orjson

from codelab_runtime.showing import shown, shrunk
from codelab_runtime.turn.state import Message

LATE: Final = "[The result of {call_id} came after its time was over: {text}]"
"""How the model is told of a late result, in the person's role; the scripted model knows it."""

Told = dict[str, Any]


def told(message: Message, limit: int, asked_limit: int | None = None) -> Told:
    """The message; results take at most `limit` bytes.

    With `asked_limit` the arguments of its calls are shortened to about that many bytes too.
    """
    match message.role:
        case "assistant":
            return _assistant(message, asked_limit)
        case "tool":
            content = shown(message.body or {}, limit)
            return {"role": "tool", "call_id": message.call_id, "content": content}
        case "note":
            text = shown(message.body or {}, limit)
            return {"role": "user", "content": LATE.format(call_id=message.call_id, text=text)}
    return {"role": "user", "content": message.content}


def _assistant(message: Message, limit: int | None) -> Told:
    """An answer of the model, with its calls."""
    answer: Told = {"role": "assistant", "content": message.content}
    if message.calls:
        answer["tool_calls"] = [
            {
                "call_id": call.call_id,
                "name": call.tool,
                "arguments": call.arguments if limit is None else shrunk(call.arguments, limit),
            }
            for call in message.calls
        ]
    if message.provider_state:
        answer["provider_state"] = message.provider_state
    return answer


def size_of(value: Any) -> int:
    """Bytes of a part of a request, as it is sent."""
    return len(orjson.dumps(value)) + 1  # the comma
