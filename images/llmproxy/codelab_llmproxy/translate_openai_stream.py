"""Answers of the OpenAI dialect, as bytes in any pieces, decoded into chunks. Pure.

Source: API reference, "The chat completion chunk object"; each quirk below is one of a server that
claims the dialect. Hot: once per token.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import Usage, WholeCall
from codelab_core.sse import SseEvent, SseParser
from codelab_llmproxy import usage
from codelab_llmproxy.chunks import Chunk, Finish, FinishReason, Text, Thought
from codelab_llmproxy.provider_state import seal
from codelab_llmproxy.toolcalls import CallAssembler, Fragment
from codelab_llmproxy.toolnames import ToolNames

MAX_MALFORMED: Final = 3
_REASONS: Final[Mapping[str, FinishReason]] = {
    "length": "length",
    "content_filter": "content_filter",
}


class OpenAIStreamDecoder:
    """Decodes one answer.

    `pieces` counts the deltas with content so far, `malformed` the events that were skipped.
    Deltas that come in one read are merged into one chunk; kinds are never merged.
    """

    __slots__ = (
        "_calls",
        "_chunks",
        "_ended",
        "_names",
        "_parser",
        "_provider",
        "_reason",
        "_spoke",
        "_state",
        "_usage",
        "malformed",
        "pieces",
    )

    def __init__(self, provider: str, names: ToolNames) -> None:
        self._provider = provider
        self._names = names
        self._parser = SseParser()
        self._calls = CallAssembler()
        self._chunks: list[Chunk] = []
        self._state: list[Any] = []
        self._usage: Usage | None = None
        self._reason: str | None = None
        self._spoke = False
        self._ended = False
        self.pieces = 0
        self.malformed = 0

    def feed(self, piece: bytes) -> list[Chunk]:
        """Chunks completed by these bytes; nothing more after a `Finish`.

        Raises `CodelabError`: `PROVIDER_ERROR` for an error of the provider and for events that
        are no JSON (the first inside a call, the third elsewhere), `MODEL_OUTPUT_INVALID` for a
        call that cannot be made and for an empty answer.
        """
        try:
            events = self._parser.feed(piece)
        except ValueError as error:
            raise CodelabError(Code.PROVIDER_ERROR, "malformed", message=str(error)) from error
        return self._decode(events)

    def close(self) -> list[Chunk]:
        """The rest, at the end of the stream; raises `PROVIDER_ERROR`/cut where it came early."""
        chunks = self._decode(self._parser.close())
        if not self._ended:
            if self._reason is None:
                raise CodelabError(Code.PROVIDER_ERROR, "cut")
            self._end()
        return chunks + self._take()

    def _decode(self, events: list[SseEvent]) -> list[Chunk]:
        """Go through some events."""
        for event in events:
            if event.data and not event.comment and not self._ended:
                self._event(event.data)
        return self._take()

    def _take(self) -> list[Chunk]:
        """The chunks so far."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def _event(self, line: bytes) -> None:
        """Go through one event."""
        if line == b"[DONE]":
            if self._reason is None:
                raise CodelabError(Code.PROVIDER_ERROR, "cut")
            self._end()
            return
        try:
            self._body(orjson.loads(line))
        except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
            self.malformed += 1
            if self._calls or self.malformed >= MAX_MALFORMED:
                raise CodelabError(Code.PROVIDER_ERROR, "malformed") from error

    def _body(self, body: Mapping[str, Any]) -> None:
        """Take one object: choices first, since usage may come with the last of them or alone."""
        if body.get("error"):
            raise CodelabError(Code.PROVIDER_ERROR, "server_error")
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
            self._spoke = True
            self._say(Text, content)
        elif thought := delta.get("reasoning_content") or delta.get("reasoning"):
            self._say(Thought, thought)
        if calls := delta.get("tool_calls"):
            self._fragments(calls)
        if details := delta.get("reasoning_details"):
            self._state += details if isinstance(details, list) else ()

    def _say(self, kind: type[Text] | type[Thought], text: Any) -> None:
        """Add text to the last chunk where it is of the same kind, else make one."""
        if not isinstance(text, str):
            raise TypeError("text that is no string")
        self.pieces += 1
        last = self._chunks[-1] if self._chunks else None
        if isinstance(last, kind):
            self._chunks[-1] = kind(last.text + text)
        else:
            self._chunks.append(kind(text))

    def _fragments(self, calls: list[Mapping[str, Any]]) -> None:
        """Take pieces of calls."""
        for call in calls:
            self.pieces += 1
            self._calls.add(_fragment(call))
        self._chunks += map(self._named, self._calls.take())

    def _named(self, call: WholeCall) -> WholeCall:
        """A call under our name for its tool."""
        return call.model_copy(update={"name": self._names.from_provider(call.name)})

    def _end(self) -> None:
        """Make the last chunks; an answer without text and calls is none, unless it was cut."""
        self._ended = True
        self._chunks += map(self._named, self._calls.finish())
        reason = _REASONS.get(self._reason or "", "tool_calls" if self._calls else "stop")
        if reason == "stop" and not self._spoke:
            raise CodelabError(Code.MODEL_OUTPUT_INVALID, "empty_answer")
        if self._usage:
            self._chunks.append(self._usage)
        facts = {"reasoning_details": self._state} if self._state else {}
        self._chunks.append(Finish(reason, seal(self._provider, facts)))


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
