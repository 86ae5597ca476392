"""The neutral request as a request of the OpenAI dialect. Pure.

Deterministic: order of keys, tools and messages as given, so that the messages of one turn are a
byte prefix of the next turn's and the provider's prompt cache holds.
Source: API reference, "Create chat completion".
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import orjson

from codelab_core.protocol.inference import (
    AskedCall,
    InferenceRequest,
    NeutralMessage,
    OfferedTool,
)
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.provider_state import unseal
from codelab_llmproxy.toolnames import ToolNames

_TOOL_CHOICES: Final = frozenset({"auto", "none", "required"})


def encode_request(ask: Ask) -> bytes:
    """The body to send."""
    body: dict[str, Any] = {
        "model": ask.model.id,
        "messages": [
            _message(message, ask.provider, ask.names) for message in ask.request.messages
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return orjson.dumps(body | dict(_tools(ask)) | dict(_sampling(ask.request, ask.model)))


def _sampling(request: InferenceRequest, model: ModelFacts) -> Iterator[tuple[str, Any]]:
    """Optional fields; what nobody asked for is left to the provider.

    Models that reason know the limit by another name, and refuse a temperature.
    """
    if request.max_tokens is not None:
        limit = "max_completion_tokens" if model.reasoning else "max_tokens"
        yield limit, request.max_tokens
    if request.temperature is not None and not model.reasoning:
        yield "temperature", request.temperature
    if request.stop and not model.reasoning:
        yield "stop", request.stop
    if model.reasoning_effort:
        yield "reasoning_effort", model.reasoning_effort
    session_id = request.metadata.get("session_id")
    if model.family == "gpt" and isinstance(session_id, str):  # strict servers know no such field
        yield "prompt_cache_key", hashlib.sha256(session_id.encode()).hexdigest()[:32]


def _tools(ask: Ask) -> Iterator[tuple[str, Any]]:
    """Tools and how to choose among them; providers refuse the latter without the former."""
    request, names = ask.request, ask.names
    if not request.tools or not ask.model.tools:
        return
    choice = request.tool_choice
    yield "tools", [_tool(tool, names) for tool in request.tools]
    yield (
        "tool_choice",
        choice
        if choice in _TOOL_CHOICES
        else {"type": "function", "function": {"name": names.to_provider(choice)}},
    )
    if ask.model.parallel_tool_calls:
        yield "parallel_tool_calls", request.parallel_tool_calls


def _tool(tool: OfferedTool, names: ToolNames) -> dict[str, Any]:
    """One tool on offer."""
    function = {
        "name": names.to_provider(tool.name),
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}


def _message(message: NeutralMessage, provider: str, names: ToolNames) -> dict[str, Any]:
    """One message of the history."""
    match message.role:
        case "tool":
            return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}
        case "assistant":
            return _answer(message, provider, names)
    return {"role": message.role, "content": message.content}


def _answer(message: NeutralMessage, provider: str, names: ToolNames) -> dict[str, Any]:
    """An answer of the model, with the reasoning that this provider signed."""
    encoded: dict[str, Any] = {"role": "assistant", "content": message.content or None}
    if message.tool_calls:
        encoded["tool_calls"] = [_call(call, names) for call in message.tool_calls]
    return encoded | unseal(provider, message.provider_state)


def _call(call: AskedCall, names: ToolNames) -> dict[str, Any]:
    """One call of the history; the dialect has the arguments as text."""
    arguments = orjson.dumps(call.arguments).decode()
    function = {"name": names.to_provider(call.name), "arguments": arguments}
    return {"id": call.call_id, "type": "function", "function": function}
