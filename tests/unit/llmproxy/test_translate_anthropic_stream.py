from typing import Any

import orjson
import pytest

from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest, Usage, WholeCall
from codelab_llmproxy.chunks import Chunk, Finish, Text, Thought
from codelab_llmproxy.translate_anthropic_stream import AnthropicStreamDecoder
from fakes.dialect_writers import SIGNATURE, block, event
from fakes.stage import ask_of

REQUEST = {"messages": [{"role": "user"}], "tools": [{"name": "git.diff"}]}
START = event("message_start", message={"usage": {"input_tokens": 5, "output_tokens": 1}})
STOP = event("message_stop")


def ended(reason: str | None = "end_turn", **usage: Any) -> bytes:
    return event("message_delta", delta={"stop_reason": reason}, usage=usage)


def said(*texts: str, index: int = 0) -> bytes:
    deltas = [{"type": "text_delta", "text": text} for text in texts]
    return b"".join(block(index, {"type": "text", "text": ""}, deltas))


def decoded(*events: bytes) -> list[Chunk]:
    decoder = AnthropicStreamDecoder(ask_of(InferenceRequest.model_validate(REQUEST), "a"))
    return decoder.feed(b"".join(events)) + decoder.close()


def finish(chunks: list[Chunk]) -> Finish:
    last = chunks[-1]
    assert isinstance(last, Finish)
    return last


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ],
)
def test_reasons_are_translated(reason: str, expected: str) -> None:
    assert finish(decoded(START, said("a"), ended(reason), STOP)).reason == expected


def test_the_last_report_of_each_count_wins() -> None:
    """Regression 14."""
    start = event(
        "message_start",
        message={
            "usage": {
                "input_tokens": 5,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 100,
                "output_tokens": 1,
            }
        },
    )
    reports = (ended(None, output_tokens=3), ended("end_turn", output_tokens=9, input_tokens=None))

    chunks = decoded(start, said("a"), *reports, STOP)

    assert chunks[1] == Usage(prompt_tokens=125, completion_tokens=9, cached_tokens=20)


def test_signed_blocks_are_kept_exactly_and_in_their_places() -> None:
    """Regression 15."""
    thinking = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        [
            {"type": "thinking_delta", "thinking": "a\u2028"},
            {"type": "thinking_delta", "thinking": "b"},
            {"type": "signature_delta", "signature": SIGNATURE[:9]},
            {"type": "signature_delta", "signature": SIGNATURE[9:]},
        ],
    )
    redacted = block(1, {"type": "redacted_thinking", "data": "x+/="}, [])
    use = block(3, {"type": "tool_use", "id": "t", "name": "git_diff", "input": {}}, [])

    chunks = decoded(
        START, *thinking, *redacted, said("é", "!", index=2), *use, ended("tool_use"), STOP
    )

    assert chunks[:3] == [
        Thought("a\u2028b"),
        Text("é!"),
        WholeCall(index=0, name="git.diff", arguments={}),
    ]
    assert orjson.loads(finish(chunks).provider_state or "") == {
        "provider": "a",
        "content": [
            {"type": "thinking", "thinking": "a\u2028b", "signature": SIGNATURE},
            {"type": "redacted_thinking", "data": "x+/="},
            {"type": "text", "chars": 2},
            {"type": "tool_use"},
        ],
    }


def test_nothing_is_kept_of_an_answer_without_signatures() -> None:
    assert finish(decoded(START, said("a"), ended(), STOP)).provider_state is None


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([START, START, said("a"), ended(), STOP], id="double-start"),
        pytest.param([said("a"), ended()], id="no-start-no-stop"),
        pytest.param(
            [START, event("ping"), said("a"), event("new_kind"), ended(), STOP], id="more"
        ),
        pytest.param(
            [
                *block(0, {"type": "text", "text": "a"}, [{"type": "citations_delta"}]),
                ended(),
                STOP,
            ],
            id="text-at-once",
        ),
        pytest.param(
            [
                *block(
                    0,
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                    [{"type": "input_json_delta", "partial_json": '{"q":'}],
                ),
                *block(1, {"type": "web_search_tool_result", "content": []}, []),
                said("a", index=2),
                ended(),
                STOP,
            ],
            id="tool-of-the-provider",
        ),
    ],
)
def test_what_a_provider_adds_changes_nothing(events: list[bytes]) -> None:
    chunks = decoded(*events)

    assert (chunks[0], finish(chunks)) == (Text("a"), Finish("stop"))


def test_arguments_may_come_whole_with_the_start() -> None:
    opened = {"type": "tool_use", "id": "t", "name": "git_diff", "input": {"a": 1}}

    chunks = decoded(START, *block(0, opened, []), ended("tool_use"), STOP)

    assert chunks[0] == WholeCall(index=0, name="git.diff", arguments={"a": 1})


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([START, said("a")], "PROVIDER_ERROR/cut", id="cut"),
        pytest.param([START, said("a"), STOP], "PROVIDER_ERROR/cut", id="no-reason"),
        pytest.param([START, ended(), STOP], "MODEL_OUTPUT_INVALID/empty_answer", id="empty"),
        pytest.param(
            [
                START,
                *block(
                    0,
                    {"type": "tool_use", "id": "t", "name": "git_diff", "input": {}},
                    [{"type": "input_json_delta", "partial_json": '{"a":'}],
                ),
            ],
            "MODEL_OUTPUT_INVALID/tool_call_incomplete",
            id="call-cut",
        ),
        pytest.param(
            [event("error", error={"type": "rate_limit_error"})],
            "RATE_LIMIT/rate_limited",
            id="error",
        ),
    ],
)
def test_what_is_no_whole_answer_is_an_error(events: list[bytes], expected: str) -> None:
    with pytest.raises(CodelabError) as caught:
        decoded(*events)

    assert f"{caught.value.code}/{caught.value.reason}" == expected
