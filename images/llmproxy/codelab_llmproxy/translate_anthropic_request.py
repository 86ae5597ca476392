"""The neutral request as a request of Anthropic's dialect. Pure.

Deterministic, as every encoder: but for the marks of the prompt cache, the messages of one turn are
a prefix of the next turn's. Source: API reference, "Messages"; guides on thinking and caching.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import orjson

from codelab_core.protocol.inference import NeutralMessage, OfferedTool
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.provider_state import unseal
from codelab_llmproxy.toolnames import ToolNames

SIGNED: Final = frozenset({"thinking", "redacted_thinking"})
MIN_BUDGET: Final = 1_024
MAX_BUDGET: Final = 16_000
_MARK: Final = {"type": "ephemeral"}
_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}
_Block = dict[str, Any]


def encode_request(ask: Ask) -> bytes:
    """The body to send."""
    request, model = ask.request, ask.model
    limit = min(request.max_tokens or model.default_max_tokens, model.max_output)
    thinking = _thinking(ask, limit)
    body: dict[str, Any] = {"model": model.id, "max_tokens": limit, "stream": True}
    body |= _system(request.messages)
    body["messages"] = _messages(ask)
    body |= _tools(ask, is_forced_allowed=not (thinking or model.reasoning))
    if thinking:
        body["thinking"] = thinking
    elif request.temperature is not None and not model.reasoning:
        body["temperature"] = min(1.0, max(0.0, request.temperature))
    if stops := [stop for stop in request.stop if stop.strip()]:
        body["stop_sequences"] = stops
    return orjson.dumps(body)


def _system(messages: Sequence[NeutralMessage]) -> dict[str, Any]:
    """System messages, wherever they stand; the dialect has one place for them."""
    texts = [m.content for m in messages if m.role == "system" and m.content.strip()]
    blocks: list[_Block] = [_text(text) for text in texts]
    if blocks:
        blocks[-1]["cache_control"] = _MARK
    return {"system": blocks} if blocks else {}


def _messages(ask: Ask) -> list[_Block]:
    """The history; neighbours of one role are one message here, and an empty one is none."""
    merged: list[_Block] = []
    for message in ask.request.messages:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [] if message.role == "system" else _blocks(message, ask)
        if blocks and merged and merged[-1]["role"] == role:
            merged[-1]["content"] += blocks
        elif blocks:
            merged.append({"role": role, "content": blocks})
    _trim_prefill(merged)
    for asking in [m for m in merged if m["role"] == "user"][-2:]:
        asking["content"][-1]["cache_control"] = _MARK
    return merged


def _trim_prefill(messages: list[_Block]) -> None:
    """An answer to go on with may not end in white space."""
    if messages and messages[-1]["role"] == "assistant":
        last = messages[-1]["content"][-1]
        if last["type"] == "text":
            last["text"] = last["text"].rstrip()


def _blocks(message: NeutralMessage, ask: Ask) -> list[_Block]:
    """One message as blocks."""
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.call_id, "content": message.content}
        return [result]
    if message.role == "assistant":
        return _answer(message, ask)
    return [_text(message.content)] if message.content.strip() else []


def _answer(message: NeutralMessage, ask: Ask) -> list[_Block]:
    """An answer of the model; what this provider signed stands where it stood."""
    calls: list[_Block] = [
        {
            "type": "tool_use",
            "id": call.call_id,
            "name": ask.names.to_provider(call.name),
            "input": call.arguments,
        }
        for call in message.tool_calls
    ]
    kept = _kept(message, ask.provider)
    texts = [block for block in kept if block.get("type") == "text"]
    is_whole = sum(block.get("chars", 0) for block in texts) == len(message.content)
    if not kept or not is_whole:
        signed = [block for block in kept if block.get("type") in SIGNED]
        return [*signed, *_spoken(message.content), *calls]
    return [*_replayed(kept, message.content, calls)]


def _replayed(kept: Sequence[_Block], text: str, calls: Sequence[_Block]) -> Iterator[_Block]:
    """The blocks of an answer in their own order, then calls that it has besides."""
    at, waiting = 0, iter(calls)
    for block in kept:
        if block["type"] == "text":
            yield from _spoken(text[at : at + block["chars"]])
            at += block["chars"]
        elif block["type"] == "tool_use":
            yield from islice(waiting, 1)
        else:
            yield block
    yield from waiting


def _spoken(text: str) -> list[_Block]:
    """A block of text; one of white space alone is refused by the provider."""
    return [_text(text)] if text.strip() else []


def _text(text: str) -> _Block:
    """A block of text."""
    return {"type": "text", "text": text}


def _kept(message: NeutralMessage, provider: str) -> list[_Block]:
    """What this provider gave to keep: signed blocks, and the places of the others."""
    blocks = unseal(provider, message.provider_state).get("content")
    listed = blocks if isinstance(blocks, list) else []
    return [block for block in listed if isinstance(block, dict) and "type" in block]


def _thinking(ask: Ask, limit: int) -> Mapping[str, Any] | None:
    """How to ask for reasoning; models that reason by themselves decide how much.

    Others refuse it in the midst of a round of tools that began without: such a round goes on so.
    """
    if not ask.model.thinking:
        return None
    if ask.model.reasoning:
        return {"type": "adaptive"}
    budget = min(MAX_BUDGET, limit // 2)
    if budget < MIN_BUDGET or _began_unsigned(ask):
        return None
    return {"type": "enabled", "budget_tokens": budget}


def _began_unsigned(ask: Ask) -> bool:
    """Whether calls since the newest message of a person were made without signed reasoning."""
    for message in reversed(ask.request.messages):
        if message.role == "user":
            return False
        if message.tool_calls and not any(
            block["type"] in SIGNED for block in _kept(message, ask.provider)
        ):
            return True
    return False


def _tools(ask: Ask, *, is_forced_allowed: bool) -> dict[str, Any]:
    """Tools and how to choose among them; a model that reasons cannot be made to call one."""
    request = ask.request
    if not request.tools or not ask.model.tools:
        return {}
    tools = [_tool(tool, ask.names) for tool in request.tools]
    tools[-1]["cache_control"] = _MARK
    choice = _choice(request.tool_choice, ask.names)
    if choice["type"] in {"any", "tool"} and not is_forced_allowed:
        choice = {"type": "auto"}
    if not request.parallel_tool_calls and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tools": tools, "tool_choice": choice}


def _choice(choice: str, names: ToolNames) -> dict[str, Any]:
    """The choice of tools in the words of the dialect."""
    if choice in _CHOICES:
        return {"type": _CHOICES[choice]}
    return {"type": "tool", "name": names.to_provider(choice)}


def _tool(tool: OfferedTool, names: ToolNames) -> _Block:
    """One tool on offer; a schema without a type is refused."""
    return {
        "name": names.to_provider(tool.name),
        "description": tool.description,
        "input_schema": {"type": "object"} | tool.parameters,
    }
