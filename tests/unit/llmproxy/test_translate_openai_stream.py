import random
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest, Usage, WholeCall
from codelab_core.sse import MAX_EVENT_BYTES
from codelab_llmproxy.chunks import Chunk, Finish, Text, Thought
from codelab_llmproxy.translate_openai_stream import OpenAIStreamDecoder
from fakes.stage import ask_of
from harness.chunks import joined

DONE = b"data: [DONE]\n\n"


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + orjson.dumps({"choices": choices} | more) + b"\n\n"


def call(index: Any, **fields: Any) -> dict[str, Any]:
    identity = {"index": index, "id": fields.pop("id", None), "type": "function"}
    return {"tool_calls": [identity | {"function": fields}]}


REQUEST = {"messages": [{"role": "user"}], "tools": [{"name": "git.diff"}]}
ASK = ask_of(InferenceRequest.model_validate(REQUEST))
USAGE = {"prompt_tokens": 5, "completion_tokens": 2}
COUNTED = Usage(prompt_tokens=5, completion_tokens=2)
ROLE = event({"role": "assistant", "content": ""})
STOP = event({}, "stop")
HELLO = [Text("Hello wörld"), Finish("stop")]
READ = WholeCall(index=0, name="git.diff", arguments={"path": "é"})


def decoder() -> OpenAIStreamDecoder:
    return OpenAIStreamDecoder(ASK)


def decoded(pieces: Iterable[bytes]) -> list[Chunk]:
    """All chunks, neighbouring text joined."""
    decoding = decoder()
    chunks = [chunk for piece in pieces for chunk in decoding.feed(piece)]
    return joined(chunks + decoding.close())


STREAMS = {
    "plain": (
        [ROLE, event({"content": "Hello"}), event({"content": " wörld"}), STOP, DONE],
        HELLO,
    ),
    "no-done": ([ROLE, event({"content": "Hello wörld"}), STOP], HELLO),
    "no-last-blank-line": ([event({"content": "Hello wörld"}), STOP, b"data: [DONE]"], HELLO),
    "bom-and-comments": (
        [b"\xef\xbb\xbf: ping\n\n", event({"content": "Hello wörld"}), b": x\n\n", STOP, DONE],
        HELLO,
    ),
    "crlf-and-no-space": (
        [
            part.replace(b"data: ", b"data:").replace(b"\n", b"\r\n")
            for part in (event({"content": "Hello wörld"}), STOP, DONE)
        ],
        HELLO,
    ),
    "several-data-lines": (
        [b'data: {"choices":[{"delta":\ndata: {"content":"Hello w\xc3\xb6rld"}}]}\n\n', STOP, DONE],
        HELLO,
    ),
    "event-names-and-empty-events": (
        [b"event: ping\n\n", b"event: message\n" + event({"content": "Hello wörld"}), STOP, DONE],
        HELLO,
    ),
    "finish-reason-empty-for-null": (
        [event({"content": "Hello"}, ""), event({"content": " wörld"}, ""), STOP, DONE],
        HELLO,
    ),
    "text-after-done-is-not-read": (
        [event({"content": "Hello wörld"}), STOP, DONE, event({"content": "!"})],
        HELLO,
    ),
    "usage-alone": (
        [event({"content": "a"}), STOP, event(None, usage=USAGE), DONE],
        [Text("a"), COUNTED, Finish("stop")],
    ),
    "usage-beside-a-delta-last-wins": (
        [
            event({"content": "a"}, usage={"prompt_tokens": 5, "completion_tokens": 1}),
            event({}, "stop", usage={"completion_tokens": 2}),
            event(None, usage={}),
            DONE,
        ],
        [Text("a"), COUNTED, Finish("stop")],
    ),
    "thinking": (
        [
            event({"reasoning_content": "so"}),
            event({"reasoning": " so"}),
            event({"content": "a"}),
            STOP,
        ],
        [Thought("so so"), Text("a"), Finish("stop")],
    ),
    "length": ([event({"content": "a"}), event({}, "length")], [Text("a"), Finish("length")]),
    "length-without-text": ([ROLE, event({}, "length")], [Finish("length")]),
    "filtered": ([ROLE, event({}, "content_filter")], [Finish("content_filter")]),
    "call": (
        [
            event({"content": "Looking."}),
            event(call(0, id="x", name="git_diff", arguments="")),
            event(call(0, arguments='{"path":')),
            event(call(0, arguments='"é"}')),
            event({}, "tool_calls"),
            DONE,
        ],
        [Text("Looking."), READ, Finish("tool_calls")],
    ),
    "call-whole-in-one-delta-and-stop": (
        [event(call(0, id="x", name="git_diff", arguments='{"path":"é"}'), "stop")],
        [READ, Finish("tool_calls")],
    ),
    "arguments-as-object-index-as-text": (
        [event(call("0", id=7, name="git_diff", arguments={"path": "é"})), STOP],
        [READ, Finish("tool_calls")],
    ),
    "invented-tool": (
        [event(call(0, id="x", name="rm", arguments=None)), STOP],
        [WholeCall(index=0, name="rm", arguments={}), Finish("tool_calls")],
    ),
    "two-calls": (
        [
            event(call(0, id="x", name="git_diff", arguments='{"path":"é"}')),
            event(call(1, id="y", name="git_diff", arguments='{"path":"é"}')),
            event({}, "tool_calls"),
        ],
        [READ, READ.model_copy(update={"index": 1}), Finish("tool_calls")],
    ),
    "interleaved-by-index-alone": (
        [
            event(call(1, name="git_diff", arguments='{"path"')),
            event(call(2, name="git_diff", arguments='{"path"')),
            event(call(1, arguments=':"é"}')),
            event(call(2, arguments=':"é"}')),
            event({}, "tool_calls"),
        ],
        [READ, READ.model_copy(update={"index": 1}), Finish("tool_calls")],
    ),
    "length-with-a-whole-call": (
        [event(call(0, id="x", name="git_diff", arguments='{"path":"é"}'), "length")],
        [READ, Finish("length")],
    ),
    "calls-that-are-none": (
        [event({"content": "a", "tool_calls": None}), event({}, "tool_calls")],
        [Text("a"), Finish("stop")],
    ),
    "two-malformed-events": (
        [b"data: {oops\n\n", event({"content": 5}), event({"content": "a"}), STOP],
        [Text("a"), Finish("stop")],
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams_of_the_dialect_and_its_quirks(name: str) -> None:
    pieces, chunks = STREAMS[name]

    assert decoded(pieces) == chunks


@pytest.mark.parametrize("name", STREAMS)
def test_a_cut_at_any_byte_changes_nothing(name: str) -> None:
    pieces, chunks = STREAMS[name]
    stream = b"".join(pieces)

    for at in range(len(stream)):
        assert decoded([stream[:at], stream[at:]]) == chunks, at


@settings(max_examples=200)
@given(st.sampled_from(sorted(STREAMS)), st.randoms(use_true_random=False))
def test_any_cuts_change_nothing(name: str, source: random.Random) -> None:
    pieces, chunks = STREAMS[name]
    stream = b"".join(pieces)
    cuts = sorted(source.choices(range(len(stream)), k=source.randrange(12)))

    parts = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert decoded(parts) == chunks


def test_text_that_comes_in_one_read_is_one_chunk_of_each_kind() -> None:
    decoding = decoder()

    chunks = decoding.feed(
        event({"content": "a"}) + event({"content": "b"}) + event({"reasoning": "c"}) + ROLE
    )

    assert chunks == [Text("ab"), Thought("c")]
    assert decoding.pieces == 3


def test_pieces_of_calls_count_as_output() -> None:
    decoding = decoder()

    decoding.feed(event(call(0, name="git_diff")) + event(call(0, arguments="{}")))

    assert decoding.pieces == 2


def test_nothing_comes_after_the_finish() -> None:
    decoding = decoder()
    first = decoding.feed(event({"content": "a"}) + STOP + DONE)

    assert first[-1] == Finish("stop")
    assert (decoding.feed(event({"content": "b"})), decoding.close()) == ([], [])


def test_signed_reasoning_is_kept_for_the_provider_exactly() -> None:
    details = [{"type": "reasoning.text", "text": "t", "signature": "s"}]
    stream = [
        event({"reasoning_details": details}),
        event({"reasoning_details": "no list"}),
        event({"content": "a"}),
        STOP,
    ]

    finish = decoded(stream)[-1]

    state = '{"provider":"scripted","reasoning_details":' + orjson.dumps(details).decode() + "}"
    assert finish == Finish("stop", state)


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        pytest.param([event({"content": "a"})], "PROVIDER_ERROR/cut", id="no-finish"),
        pytest.param([event({"content": "a"}), DONE], "PROVIDER_ERROR/cut", id="done-too-early"),
        pytest.param([], "PROVIDER_ERROR/cut", id="nothing"),
        pytest.param(
            [event({"content": "a"}), event(None, error={"message": "no"})],
            "PROVIDER_ERROR/server_error",
            id="error-event",
        ),
        pytest.param(
            [b"data: {oops\n\n", b"data: []\n\n", b'data: {"choices":[1]}\n\n'],
            "PROVIDER_ERROR/malformed",
            id="three-malformed",
        ),
        pytest.param(
            [event(call(0, name="git_diff")), b"data: {oops\n\n"],
            "PROVIDER_ERROR/malformed",
            id="malformed-inside-a-call",
        ),
        pytest.param(
            [event(call(0, name="git_diff", arguments=["a"]))],
            "PROVIDER_ERROR/malformed",
            id="arguments-of-no-kind",
        ),
        pytest.param(
            [b"data: " + b"x" * (MAX_EVENT_BYTES + 1)], "PROVIDER_ERROR/malformed", id="too-big"
        ),
        pytest.param([ROLE, STOP, DONE], "MODEL_OUTPUT_INVALID/empty_answer", id="empty-answer"),
        pytest.param(
            [event({"reasoning": "hm"}), STOP],
            "MODEL_OUTPUT_INVALID/empty_answer",
            id="thinking-is-no-answer",
        ),
        pytest.param(
            [event(call(0, name="git_diff", arguments='{"path"')), event({}, "tool_calls"), DONE],
            "MODEL_OUTPUT_INVALID/tool_call_incomplete",
            id="unfinished-call",
        ),
        pytest.param(
            [event(call(0, name="git_diff", arguments='{"path"')), event({}, "length"), DONE],
            "MODEL_OUTPUT_INVALID/tool_call_incomplete",
            id="unfinished-call-at-the-limit",
        ),
        pytest.param(
            [event(call(0, name="git_diff", arguments="{}x"))],
            "MODEL_OUTPUT_INVALID/tool_call_incomplete",
            id="text-after-the-arguments",
        ),
    ],
)
def test_what_is_no_whole_answer_is_an_error(pieces: list[bytes], code: str) -> None:
    with pytest.raises(CodelabError, match=f"^{code}:"):
        decoded(pieces)


def test_the_first_two_malformed_events_are_counted() -> None:
    decoding = decoder()

    decoding.feed(b"data: {\n\ndata: 1\n\n")

    assert decoding.malformed == 2


def test_arguments_cut_at_every_byte_never_finish_a_call() -> None:
    text = orjson.dumps({"path": 'a"\\}', "n": [1, {"b": 2}]}).decode()

    for at in range(1, len(text)):
        stream = [event(call(0, id="x", name="git_diff", arguments=text[:at])), STOP, DONE]
        with pytest.raises(CodelabError, match="tool_call_incomplete"):
            decoded(stream)


def test_what_came_before_an_error_in_one_read_can_be_taken() -> None:
    decoding = decoder()

    with pytest.raises(CodelabError):
        decoding.feed(event({"content": "a"}) + event(None, error={"message": "no"}))

    assert (decoding.rest(), decoding.rest()) == ([Text("a")], [])
