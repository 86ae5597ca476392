"""Answers of the OpenAI dialect, as bytes in any pieces, decoded into chunks. Pure.

Source: API reference, "The chat completion chunk object"; each quirk below is one of a server that
claims the dialect. Hot: once per token.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import Usage
from codelab_core.sse import SseEvent, SseParser
from codelab_llmproxy import usage
from codelab_llmproxy.answer_builder import AnswerBuilder, cut
from codelab_llmproxy.chunks import Chunk, FinishReason
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.refusals import error_of, stream_complaint
from codelab_llmproxy.toolcalls import Fragment

_REASONS: Final[Mapping[str, FinishReason]] = {
    "length": "length",
    "content_filter": "content_filter",
}


class OpenAIStreamDecoder:
    """Decodes one answer; see `Decoder`."""

    __slots__ = ("_answer", "_parser", "_provider", "_reason", "_state", "_usage", "malformed")

    def __init__(self, ask: Ask) -> None:
        self._provider = ask.provider
        self._answer = AnswerBuilder(ask)
        self._parser = SseParser()
        self._state: list[Any] = []
        self._usage: Usage | None = None
        self._reason: str | None = None
        self.malformed = 0

    @property
    def pieces(self) -> int:
        """Deltas with content so far."""
        return self._answer.pieces

    def feed(self, piece: bytes) -> list[Chunk]:
        """Chunks completed by these bytes; as `Decoder` says."""
        try:
            events = self._parser.feed(piece)
        except ValueError as error:
            raise CodelabError(Code.PROVIDER_ERROR, "malformed", message=str(error)) from error
        return self._decode(events)

    def close(self) -> list[Chunk]:
        """The rest, at the end of the stream; the last word `[DONE]` may be missing."""
        chunks = self._decode(self._parser.close())
        if not self._answer.is_over:
            self._end()
        return chunks + self._answer.take()

    def rest(self) -> list[Chunk]:
        """Chunks of the read that raised an error."""
        return self._answer.take()

    def _decode(self, events: list[SseEvent]) -> list[Chunk]:
        """Go through some events."""
        for event in events:
            if event.data and not event.comment and not self._answer.is_over:
                self._event(event.data)
        return self._answer.take()

    def _event(self, line: bytes) -> None:
        """Go through one event."""
        if line == b"[DONE]":
            self._end()
            return
        try:
            self._body(orjson.loads(line))
        except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
            self.malformed += 1
            self._answer.malformed(self.malformed, error)

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
