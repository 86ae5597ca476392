"""Answers of Ollama's own dialect, as bytes in any pieces, decoded into chunks. Pure.

Source: Ollama's API document, "Generate a chat completion". Hot: once per token.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from codelab_llmproxy import usage
from codelab_llmproxy.answer_builder import cut
from codelab_llmproxy.chunks import FinishReason
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.ndjson import LineParser
from codelab_llmproxy.refusals import error_of, stream_complaint
from codelab_llmproxy.stream_decoder import StreamDecoder
from codelab_llmproxy.toolcalls import Fragment

_REASONS: Final[Mapping[str, FinishReason]] = {"length": "length"}


class OllamaStreamDecoder(StreamDecoder):
    """Decodes one answer; see `Decoder`."""

    __slots__ = ("_calls",)

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, LineParser())
        self._calls = 0

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

    def _end(self) -> None:
        """The line that says `done` ends the answer; nothing else does."""
        raise cut()

    def _call(self, function: Mapping[str, Any]) -> None:
        """A whole call; its number is that of its place, and its arguments are no text."""
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
        name = function.get("name")
        self._answer.fragment(Fragment(self._calls, None, name or None, text))
        self._answer.end_call(self._calls)
        self._calls += 1
