"""The pieces that every provider's stream is decoded into, and their wire form. Pure.

N decoders make chunks, M encoders write them; nothing else knows a dialect.
"""

from dataclasses import dataclass
from typing import Final, Literal

import orjson

from codelab_core.protocol.inference import THINKING, TOKEN, TOOL_CALL, USAGE, Usage, WholeCall

FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of the model's reasoning, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The provider ended its answer whole; `provider_state` goes back to it with the history."""

    reason: FinishReason
    provider_state: str | None = None


Content = Text | Thought | WholeCall | Usage
Chunk = Content | Finish

_TEXT: Final = b'{"token":%b}'
_THOUGHT: Final = b'{"text":%b}'


def encode(chunk: Content) -> tuple[bytes, bytes]:
    """The kind of the event and its data: one line of JSON. Hot: once per token."""
    match chunk:
        case Text(text):
            return TOKEN, _TEXT % orjson.dumps(text)
        case Thought(text):
            return THINKING, _THOUGHT % orjson.dumps(text)
        case WholeCall():
            call = {"index": chunk.index, "name": chunk.name, "arguments": chunk.arguments}
            return TOOL_CALL, orjson.dumps(call)
    return USAGE, chunk.encode()
