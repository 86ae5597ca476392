"""Answers of the OpenAI dialect, as bytes in any pieces, decoded into chunks. Pure.

Source: API reference, "The chat completion chunk object"; each quirk below is one of a server that
claims the dialect. Hot: once per token.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from codelab_core.protocol.inference import Usage
from codelab_llmproxy import usage
from codelab_llmproxy.answer_builder import cut
from codelab_llmproxy.chunks import FinishReason
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.refusals import error_of, stream_complaint
from codelab_llmproxy.stream_decoder import SseLines, StreamDecoder
from codelab_llmproxy.toolcalls import Fragment

_REASONS: Final[Mapping[str, FinishReason]] = {
    "length": "length",
    "content_filter": "content_filter",
}


class OpenAIStreamDecoder(StreamDecoder):
    """Decodes one answer; see `Decoder`. The last word `[DONE]` may be missing."""

    __slots__ = ("_reason", "_state", "_usage")

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, SseLines())
        self._state: list[Any] = []
        self._usage: Usage | None = None
        self._reason: str | None = None

    def _line(self, line: bytes) -> None:
        """Go through one object, or the last word."""
        if line == b"[DONE]":
            self._end()
        else:
            super()._line(line)

    def _body(self, body: Mapping[str, Any]) -> None:
        """Take one object: choices first, since usage may come with the last of them or alone."""
        if error := body.get("error"):
            raise error_of(stream_complaint(error), self._provider)
        for choice in body.get("choices") or ():
            self._delta(choice.get("delta") or {})
            # "" stands for null on some servers.
            self._reason = choice.get("finish_reason") or self._reason
        report = body.get("usage")
        counts = usage.from_openai(report) if report else None
        if counts:
            self._usage = usage.merge(self._usage, counts)

    def _delta(self, delta: Mapping[str, Any]) -> None:
        """Take what one delta adds."""
        if content := delta.get("content"):
            self._answer.say(content)
        elif thought := delta.get("reasoning_content") or delta.get("reasoning"):
            self._answer.think(thought)
        for call in delta.get("tool_calls") or ():
            self._answer.fragment(_fragment(call))
        if details := delta.get("reasoning_details"):
            self._state += details if isinstance(details, list) else ()

    def _end(self) -> None:
        """Make the last chunks; calls that the provider ended by `stop` are calls all the same."""
        if self._reason is None:
            raise cut()
        facts = {"reasoning_details": self._state} if self._state else {}
        self._answer.finish(_REASONS.get(self._reason), self._usage, facts)


def _fragment(call: Mapping[str, Any]) -> Fragment:
    """One entry of `delta.tool_calls`; some servers send the arguments as an object."""
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    if isinstance(arguments, dict):
        arguments = orjson.dumps(arguments).decode()
    index = call.get("index")
    return Fragment(
        index if type(index) is int else None,
        _text_or_none(call.get("id")),
        _text_or_none(function.get("name")),
        arguments,
    )


def _text_or_none(value: Any) -> str | None:
    """A string that says something."""
    return value if isinstance(value, str) and value else None
