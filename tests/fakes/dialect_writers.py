"""One answer, written as a stream of each dialect, as their providers write it.

Sources: API references of OpenAI and Anthropic, Ollama's API document. The official SDKs read the
first two in tests/integration/llmproxy/test_official_sdks.py.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import orjson

SIGNATURE = "c2lnbmF0dXJlIG9mIHRoZSB0aGlua2luZw=="
MESSAGE: Mapping[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m-1",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
}
"""How an answer of Anthropic's begins."""


@dataclass(frozen=True)
class Said:
    """What a model says: `calls` are names as providers know them, and arguments as JSON text."""

    texts: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = "stop"
    prompt: int = 11
    completion: int = 7


def fragments(text: str, count: int = 3) -> list[str]:
    """A text in a few pieces."""
    size = max(1, -(-len(text) // count))
    return [text[at : at + size] for at in range(0, len(text), size)]


def sse(value: Any, kind: str = "") -> bytes:
    """One server-sent event."""
    name = f"event: {kind}\n".encode() if kind else b""
    return b"%bdata: %b\n\n" % (name, orjson.dumps(value))


def chunk(*choices: Any, **fields: Any) -> bytes:
    """One chunk of a chat completion."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    return sse({**head, "choices": choices, **fields})


def delta(finish: str | None = None, **fields: Any) -> bytes:
    """What a chunk adds to the one choice."""
    return chunk({"index": 0, "delta": fields, "logprobs": None, "finish_reason": finish})


def openai(said: Said) -> Iterator[bytes]:
    """A stream of chat completion chunks; parallel calls are interleaved."""
    yield delta(role="assistant", content="")
    for piece in said.thinking:
        yield delta(reasoning_content=piece)
    for piece in said.texts:
        yield delta(content=piece)
    for index, (name, _) in enumerate(said.calls):
        function = {"name": name, "arguments": ""}
        first = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        yield delta(tool_calls=[first])
    for turn in zip_longest(*(fragments(text) for _, text in said.calls)):
        for index, piece in enumerate(turn):
            if piece is not None:
                yield delta(tool_calls=[{"index": index, "function": {"arguments": piece}}])
    yield delta("tool_calls" if said.calls and said.finish == "stop" else said.finish)
    counts = {"prompt_tokens": said.prompt, "completion_tokens": said.completion}
    yield chunk(usage={**counts, "total_tokens": said.prompt + said.completion})
    yield b"data: [DONE]\n\n"


def anthropic(said: Said) -> Iterator[bytes]:
    """A stream of message events; the blocks of parallel calls are interleaved."""
    start = {"input_tokens": said.prompt - 3, "cache_read_input_tokens": 3, "output_tokens": 1}
    yield event("message_start", message={**MESSAGE, "usage": start})
    yield event("ping")
    at = 0
    if said.thinking:
        yield from block(
            at,
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                *({"type": "thinking_delta", "thinking": piece} for piece in said.thinking),
                {"type": "signature_delta", "signature": SIGNATURE},
            ],
        )
        at += 1
    if said.texts:
        pieces = [{"type": "text_delta", "text": piece} for piece in said.texts]
        yield from block(at, {"type": "text", "text": ""}, pieces)
        at += 1
    for number, (name, _) in enumerate(said.calls):
        opened = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
        yield event("content_block_start", index=at + number, content_block=opened)
    for turn in zip_longest(*(fragments(text) for _, text in said.calls)):
        for number, piece in enumerate(turn):
            if piece is not None:
                partial = {"type": "input_json_delta", "partial_json": piece}
                yield event("content_block_delta", index=at + number, delta=partial)
    for number in reversed(range(len(said.calls))):
        yield event("content_block_stop", index=at + number)
    ended = {"length": "max_tokens"}.get(said.finish, "tool_use" if said.calls else "end_turn")
    counts = {"output_tokens": said.completion}
    yield event("message_delta", delta={"stop_reason": ended, "stop_sequence": None}, usage=counts)
    yield event("message_stop")


def event(kind: str, **fields: Any) -> bytes:
    """One event of Anthropic's dialect."""
    return sse({"type": kind, **fields}, kind)


def block(index: int, opened: dict[str, Any], deltas: list[dict[str, Any]]) -> Iterator[bytes]:
    """One block of content, whole."""
    yield event("content_block_start", index=index, content_block=opened)
    for one in deltas:
        yield event("content_block_delta", index=index, delta=one)
    yield event("content_block_stop", index=index)


def ollama(said: Said) -> Iterator[bytes]:
    """Lines of a chat; a call is whole in one of them."""

    def line(**fields: Any) -> bytes:
        head = {"model": "m-1", "created_at": "2026-01-01T00:00:00Z"}
        return orjson.dumps({**head, "done": False, **fields}) + b"\n"

    for piece in said.thinking:
        yield line(message={"role": "assistant", "content": "", "thinking": piece})
    for piece in said.texts:
        yield line(message={"role": "assistant", "content": piece})
    for name, text in said.calls:
        call = {"function": {"name": name, "arguments": orjson.loads(text)}}
        yield line(message={"role": "assistant", "content": "", "tool_calls": [call]})
    counts = {"prompt_eval_count": said.prompt, "eval_count": said.completion}
    yield line(
        message={"role": "assistant", "content": ""}, done=True, done_reason=said.finish, **counts
    )


WRITERS: Mapping[str, Callable[[Said], Iterator[bytes]]] = {
    "openai-compatible": openai,
    "anthropic": anthropic,
    "ollama": ollama,
}
