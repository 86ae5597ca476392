"""An answer as a stream of the OpenAI dialect; the same request gives the same bytes. Pure.

Source: API reference, "The chat completion chunk object". Hot: once per token.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final

import orjson

from codelab_core.sse import render
from codelab_llmproxy.scripted.answer import Answer, ToolUse

MAX_FRAGMENTS: Final = 12
MIN_FRAGMENT_CHARS: Final = 12
DONE: Final = render(b"[DONE]")


class AnswerWriter:
    """Writes one answer to the request `body`; an id is a hash of the request and the attempt."""

    def __init__(self, model: str, body: bytes, attempt: int) -> None:
        digest = hashlib.sha256(b"%d:%b" % (attempt, body)).hexdigest()
        self._digest = digest
        # `created` is no time: the same request must give the same bytes.
        self._shared = {
            "id": f"chatcmpl-{digest[:24]}",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": model,
        }
        head = orjson.dumps(self._shared)[:-1]
        self._text = b'data: %b,"choices":[{"index":0,"delta":{"content":' % head
        self._prompt_tokens = -(-len(body) // 4)

    def opening(self) -> bytes:
        """The event that names the role."""
        return self._delta({"role": "assistant", "content": ""})

    def thinking(self, answer: Answer) -> Iterator[bytes]:
        """An event per piece of the thinking, and one with its signature."""
        for piece in answer.thinking:
            yield self._delta({"reasoning_content": piece})
        if answer.thinking:
            text = "".join(answer.thinking)
            signature = hashlib.sha256(text.encode()).hexdigest()
            signed = {"type": "reasoning.text", "text": text, "signature": signature}
            yield self._delta({"reasoning_details": [signed]})

    def text(self, piece: str) -> bytes:
        """The event of one piece of text."""
        return self._text + orjson.dumps(piece) + b'},"finish_reason":null}]}\n\n'

    def calls(self, uses: Sequence[ToolUse]) -> Iterator[bytes]:
        """Events of parallel calls, interleaved, the arguments of each cut in several pieces."""
        for index, use in enumerate(uses):
            call_id = f"call_{hashlib.sha256(f'{self._digest}:{index}'.encode()).hexdigest()[:24]}"
            function = {"name": use.name, "arguments": ""}
            first = {"index": index, "id": call_id, "type": "function", "function": function}
            yield self._delta({"tool_calls": [first]})
        for turn in zip_longest(*(_fragments(use) for use in uses)):
            for index, arguments in enumerate(turn):
                if arguments is not None:
                    piece = {"index": index, "function": {"arguments": arguments}}
                    yield self._delta({"tool_calls": [piece]})

    def closing(self, answer: Answer, pieces: int) -> Iterator[bytes]:
        """The finish reason, the usage of an answer of so many pieces, the end."""
        reason = "tool_calls" if answer.calls else answer.finish
        yield self._event([{"index": 0, "delta": {}, "finish_reason": reason}])
        usage = {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": pieces,
            "total_tokens": self._prompt_tokens + pieces,
        }
        yield render(orjson.dumps(self._shared | {"choices": [], "usage": usage}))
        yield DONE

    def _delta(self, delta: dict[str, Any]) -> bytes:
        """An event in the midst of the answer."""
        return self._event([{"index": 0, "delta": delta, "finish_reason": None}])

    def _event(self, choices: list[dict[str, Any]]) -> bytes:
        """One event."""
        return render(orjson.dumps(self._shared | {"choices": choices}))


def _fragments(use: ToolUse) -> list[str]:
    """The JSON text of a call's arguments in at most 12 pieces."""
    text = orjson.dumps(use.arguments).decode()
    size = max(MIN_FRAGMENT_CHARS, -(-len(text) // MAX_FRAGMENTS))
    return [text[at : at + size] for at in range(0, len(text), size)]
