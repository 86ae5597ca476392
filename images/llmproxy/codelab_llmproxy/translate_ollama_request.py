"""The neutral request as a request of Ollama's own dialect. Pure.

Source: Ollama's API document, "Generate a chat completion".
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import orjson

from codelab_core.protocol.inference import NeutralMessage, OfferedTool
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.toolnames import ToolNames

KEEP_ALIVE: Final = "30m"
"""How long the model stays in memory: a person reads and decides between two requests."""


def encode_request(ask: Ask) -> bytes:
    """The body to send; without `num_ctx` the server would cut the history and say nothing."""
    body: dict[str, Any] = {
        "model": ask.model.id,
        "messages": [*_messages(ask)],
        "stream": True,
        "options": {"num_ctx": ask.model.context_window, **dict(_options(ask))},
        "keep_alive": KEEP_ALIVE,
    }
    request = ask.request
    if request.tools and ask.model.tools and request.tool_choice != "none":
        body["tools"] = [_tool(tool, ask.names) for tool in request.tools]
    if ask.model.thinking:
        body["think"] = True
    return orjson.dumps(body)


def _options(ask: Ask) -> Iterator[tuple[str, Any]]:
    """Optional fields; what nobody asked for is left to the model."""
    request = ask.request
    if request.max_tokens is not None:
        yield "num_predict", request.max_tokens
    if request.temperature is not None:
        yield "temperature", request.temperature
    if request.stop:
        yield "stop", request.stop


def _messages(ask: Ask) -> Iterator[dict[str, Any]]:
    """The history; results name their tool, since calls have no ids here."""
    tools: dict[str | None, str] = {}
    for message in _in_order(ask.request.messages):
        tools |= {c.call_id: ask.names.to_provider(c.name) for c in message.tool_calls}
        encoded: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.role == "tool":
            encoded["tool_name"] = tools.get(message.call_id, "")
        elif message.tool_calls:
            encoded["tool_calls"] = _calls(message, ask.names)
        yield encoded


def _in_order(messages: Sequence[NeutralMessage]) -> Iterator[NeutralMessage]:
    """The history, results in the order of their calls: nothing else tells two of one tool apart.

    They come in the order in which the tools have ended.
    """
    places: dict[str | None, int] = {}
    for is_result, some in groupby(messages, lambda message: message.role == "tool"):
        found = [*some]
        for message in found:
            places |= {call.call_id: len(places) + n for n, call in enumerate(message.tool_calls)}
        found.sort(key=lambda message: places.get(message.call_id, 0) if is_result else 0)
        yield from found


def _calls(message: NeutralMessage, names: ToolNames) -> list[dict[str, Any]]:
    """The calls of an answer."""
    return [
        {"function": {"name": names.to_provider(call.name), "arguments": call.arguments}}
        for call in message.tool_calls
    ]


def _tool(tool: OfferedTool, names: ToolNames) -> dict[str, Any]:
    """One tool on offer."""
    function = {
        "name": names.to_provider(tool.name),
        "description": tool.description,
        "parameters": {"type": "object"} | tool.parameters,
    }
    return {"type": "function", "function": function}
