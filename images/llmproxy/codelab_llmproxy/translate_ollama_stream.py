"""Answers of Ollama's own dialect, as bytes in any pieces, decoded into chunks. Pure.

Source: Ollama's API document, "Generate a chat completion". Hot: once per token.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy import usage
from codelab_llmproxy.answer_builder import AnswerBuilder, cut
from codelab_llmproxy.chunks import Chunk, FinishReason
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.ndjson import LineParser
from codelab_llmproxy.refusals import error_of, stream_complaint
from codelab_llmproxy.toolcalls import Fragment

_REASONS: Final[Mapping[str, FinishReason]] = {"length": "length"}


class OllamaStreamDecoder:
    """Decodes one answer; see `Decoder`."""

    __slots__ = ("_answer", "_calls", "_parser", "_provider", "malformed")

    def __init__(self, ask: Ask) -> None:
        self._provider = ask.provider
        self._answer = AnswerBuilder(ask)
        self._parser = LineParser()
        self._calls = 0
        self.malformed = 0

    @property
    def pieces(self) -> int:
        """Deltas with content so far."""
        return self._answer.pieces

    def feed(self, piece: bytes) -> list[Chunk]:
        """Chunks completed by these bytes; as `Decoder` says."""
        try:
            lines = self._parser.feed(piece)
        except ValueError as error:
            raise CodelabError(Code.PROVIDER_ERROR, "malformed", message=str(error)) from error
        return self._decode(lines)

    def close(self) -> list[Chunk]:
        """The rest, at the end of the stream."""
        chunks = self._decode(self._parser.close())
        if not self._answer.is_over:
            raise cut()
        return chunks

    def _decode(self, lines: list[bytes]) -> list[Chunk]:
        """Go through some lines."""
        for line in lines:
            if not self._answer.is_over:
                self._line(line)
        return self._answer.take()

    def _line(self, line: bytes) -> None:
        """Go through one line."""
        try:
            self._body(orjson.loads(line))
        except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
            self.malformed += 1
            self._answer.malformed(self.malformed, error)

    def _body(self, body: Mapping[str, Any]) -> None:
        """Take one object."""
        if error := body.get("error"):
            raise error_of(stream_complaint(error), self._provider)
        message = body.get("message") or {}
        self._answer.think(message.get("thinking"))
        self._answer.say(message.get("content"))
        for call in message.get("tool_calls") or ():
            self._call(call.get("function") or {})
        if body.get("done"):
            reason = _REASONS.get(body.get("done_reason") or "")
            self._answer.finish(reason, usage.from_ollama(body), {})

    def _call(self, function: Mapping[str, Any]) -> None:
        """A whole call; its number is that of its place, and its arguments are no text."""
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
        name = function.get("name")
        self._answer.fragment(Fragment(self._calls, None, name or None, text))
        self._answer.end_call(self._calls)
        self._calls += 1
