from collections.abc import Mapping
from typing import Any

import pytest

from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_core.sse import MAX_EVENT_BYTES
from codelab_llmproxy.answer_builder import cut
from codelab_llmproxy.chunks import Chunk, Finish, Text
from codelab_llmproxy.stream_decoder import SseLines, StreamDecoder
from fakes.stage import ask_of

ASK = ask_of(InferenceRequest.model_validate({"messages": [{"role": "user"}]}))


class Plain(StreamDecoder):
    """A dialect of two words: `say`, and `end`, without which an answer is cut."""

    def __init__(self) -> None:
        super().__init__(ASK, SseLines())

    def _body(self, body: Mapping[str, Any]) -> None:
        self._answer.say(body["say"])
        if body.get("end"):
            self._answer.finish(None, None, {})

    def _end(self) -> None:
        raise cut()


def test_an_event_is_an_object_but_for_comments_and_empty_ones() -> None:
    lines = SseLines()

    seen = lines.feed(b": ping\n\ndata: 1\n\nevent: x\n\ndata: 2\n\ndata: 3")

    assert (seen, lines.close()) == ([b"1", b"2"], [b"3"])


def test_what_comes_after_the_end_says_nothing() -> None:
    decoder = Plain()

    chunks = decoder.feed(b'data: {"say":"a","end":1}\n\ndata: {"say":"b"}\n\n')

    assert chunks + decoder.close() == [Text("a"), Finish("stop")]
    assert decoder.pieces == 1


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"say":1}', b'{"other":1}'])
def test_an_object_that_cannot_be_read_is_passed_over_but_the_third(line: bytes) -> None:
    decoder = Plain()

    chunks = decoder.feed(b'data: {"say":"a"}\n\n' + b"data: %b\n\n" % line * 2)
    with pytest.raises(CodelabError, match="PROVIDER_ERROR/malformed"):
        decoder.feed(b'data: {"say":"b"}\n\n' + b"data: %b\n\n" % line)

    assert chunks == [Text("a")]
    assert (decoder.malformed, decoder.rest()) == (3, [Text("b")])


def test_an_object_without_an_end_is_an_error_of_the_provider() -> None:
    with pytest.raises(CodelabError, match="PROVIDER_ERROR/malformed"):
        Plain().feed(b"data: " + b"x" * MAX_EVENT_BYTES)


def test_a_stream_that_ends_before_its_answer_asks_the_dialect() -> None:
    decoder = Plain()
    said: list[Chunk] = decoder.feed(b'data: {"say":"a"}\n\n')

    with pytest.raises(CodelabError, match="PROVIDER_ERROR/cut"):
        decoder.close()

    assert said == [Text("a")]
