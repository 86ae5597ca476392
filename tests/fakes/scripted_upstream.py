"""The scripted model behind a socket: it reads and speaks any dialect, as a provider would."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.models import AGENT, ScriptedModels
from fakes.dialect_writers import WRITERS, Said
from fakes.upstreams import NDJSON, SSE, Actor, Asked, Play

Message = dict[str, Any]


def scripted_actor(kind: str) -> Actor:
    """Answers each request of a dialect as `scripted/agent` does."""

    def act(asked: Asked) -> Play:
        body = asked.body
        messages = [*_READERS[kind](body)]
        neutral = {"model": AGENT, "messages": messages, "tools": _offered(body)}
        answer = ScriptedModels({}).answer(Conversation(neutral))
        calls = tuple((use.name, orjson.dumps(use.arguments).decode()) for use in answer.calls)
        said = Said(answer.pieces, answer.thinking, calls, answer.finish)
        return Play(tuple(WRITERS[kind](said)), media=NDJSON if kind == "ollama" else SSE)

    return act


def _offered(body: Mapping[str, Any]) -> list[Message]:
    """The tools of a request, in the shape of OpenAI's dialect."""
    return [
        tool if "function" in tool else {"function": {"name": tool["name"]}}
        for tool in body.get("tools", ())
    ]


def _call(call_id: str, name: str, arguments: Any) -> Message:
    """A call in the shape of OpenAI's dialect."""
    function = {"name": name, "arguments": orjson.dumps(arguments).decode()}
    return {"id": call_id, "function": function}


def _openai(body: Mapping[str, Any]) -> Iterator[Message]:
    """The history as it is."""
    yield from body["messages"]


def _anthropic(body: Mapping[str, Any]) -> Iterator[Message]:
    """The history of blocks."""
    for message in body["messages"]:
        blocks = message["content"]
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        if message["role"] == "assistant":
            uses = [b for b in blocks if b["type"] == "tool_use"]
            calls = [_call(use["id"], use["name"], use["input"]) for use in uses]
            yield {"role": "assistant", "content": text, "tool_calls": calls}
            continue
        for block in blocks:
            if block["type"] == "tool_result":
                yield {
                    "role": "tool",
                    "tool_call_id": block["tool_use_id"],
                    "content": block["content"],
                }
        if text:
            yield {"role": "user", "content": text}


def _ollama(body: Mapping[str, Any]) -> Iterator[Message]:
    """The history without ids: results follow in the order of their calls."""
    made, answered = 0, 0
    for message in body["messages"]:
        if message["role"] == "tool":
            yield message | {"tool_call_id": f"c{answered}"}
            answered += 1
        elif calls := message.get("tool_calls"):
            named = []
            for call in calls:
                function = call["function"]
                named.append(_call(f"c{made}", function["name"], function["arguments"]))
                made += 1
            yield message | {"tool_calls": named}
        else:
            yield message


_READERS = {"openai-compatible": _openai, "anthropic": _anthropic, "ollama": _ollama}
