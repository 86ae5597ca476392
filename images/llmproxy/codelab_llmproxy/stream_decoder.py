"""What the decoders of all dialects share: bytes in any pieces become objects, one at a time. Pure.

Hot: once per token.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.sse import SseEvent, SseParser
from codelab_llmproxy.answer_builder import AnswerBuilder
from codelab_llmproxy.chunks import Chunk
from codelab_llmproxy.dialect import Ask


class Lines(Protocol):
    """Splits a stream into the texts of its objects."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Texts completed by these bytes; raises `ValueError` for one beyond 8 MiB."""

    def close(self) -> list[bytes]:
        """The last one, where its end is missing."""


class SseLines:
    """The `data` of server-sent events; comments and empty ones say nothing."""

    __slots__ = ("_parser",)

    def __init__(self) -> None:
        self._parser = SseParser()

    def feed(self, piece: bytes) -> list[bytes]:
        """As `Lines` says."""
        return _texts(self._parser.feed(piece))

    def close(self) -> list[bytes]:
        """As `Lines` says."""
        return _texts(self._parser.close())


class StreamDecoder(ABC):
    """Decodes one answer; see `Decoder`. A dialect says what an object means, and its end."""

    __slots__ = ("_answer", "_lines", "_provider", "malformed")

    def __init__(self, ask: Ask, lines: Lines) -> None:
        self._provider = ask.provider
        self._answer = AnswerBuilder(ask)
        self._lines = lines
        self.malformed = 0

    @property
    def pieces(self) -> int:
        """Deltas with content so far."""
        return self._answer.pieces

    @property
    def dropped(self) -> int:
        """Calls that have begun and are not whole."""
        return self._answer.dropped

    def feed(self, piece: bytes) -> list[Chunk]:
        """Chunks completed by these bytes; as `Decoder` says."""
        try:
            lines = self._lines.feed(piece)
        except ValueError as error:
            raise CodelabError(Code.PROVIDER_ERROR, "malformed", message=str(error)) from error
        return self._decode(lines)

    def close(self) -> list[Chunk]:
        """The rest, at the end of the stream; the last word of the provider may be missing."""
        chunks = self._decode(self._lines.close())
        if not self._answer.is_over:
            self._end()
        return chunks + self._answer.take()

    def rest(self) -> list[Chunk]:
        """Chunks of the read that raised an error."""
        return self._answer.take()

    def _decode(self, lines: list[bytes]) -> list[Chunk]:
        """Go through some objects, up to the end of the answer."""
        for line in lines:
            if not self._answer.is_over:
                self._line(line)
        return self._answer.take()

    def _line(self, line: bytes) -> None:
        """Go through one object."""
        try:
            self._body(orjson.loads(line))
        except (orjson.JSONDecodeError, AttributeError, TypeError, KeyError) as error:
            self.malformed += 1
            self._answer.malformed(self.malformed, error)

    @abstractmethod
    def _body(self, body: Mapping[str, Any]) -> None:
        """Take one object; raises the error that it tells of."""

    @abstractmethod
    def _end(self) -> None:
        """Make the last chunks; raises `PROVIDER_ERROR`/cut where the answer is not over."""


def _texts(events: list[SseEvent]) -> list[bytes]:
    """The texts of events that have one."""
    return [event.data for event in events if event.data and not event.comment]
