from typing import Any

import orjson
import pytest

from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest, WholeCall
from codelab_llmproxy.chunks import Chunk, Finish, Text
from codelab_llmproxy.translate_ollama_stream import OllamaStreamDecoder
from fakes.stage import ask_of

REQUEST = {"messages": [{"role": "user"}], "tools": [{"name": "git.diff"}]}
DONE = {"done": True, "done_reason": "stop"}


def said(text: str = "", **fields: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text, **fields}, "done": False}


def called(*functions: Any) -> dict[str, Any]:
    return said(tool_calls=[{"function": function} for function in functions])


def decoded(*lines: dict[str, Any]) -> list[Chunk]:
    decoder = OllamaStreamDecoder(ask_of(InferenceRequest.model_validate(REQUEST), "o"))
    return decoder.feed(b"\n".join(map(orjson.dumps, lines))) + decoder.close()


def test_calls_end_as_such_whatever_the_server_says() -> None:
    """Regression 2."""
    two = called({"name": "git_diff", "arguments": {"a": 1}}, {"name": "x", "arguments": {}})
    more = called({"name": "git_diff", "arguments": '{"b":2}'}, {"name": "x", "arguments": None})

    assert decoded(two, more, {"done": True, "done_reason": ""}) == [
        WholeCall(index=0, name="git.diff", arguments={"a": 1}),
        WholeCall(index=1, name="x", arguments={}),
        WholeCall(index=2, name="git.diff", arguments={"b": 2}),
        WholeCall(index=3, name="x", arguments={}),
        Finish("tool_calls"),
    ]


def test_an_answer_that_met_its_limit_says_so() -> None:
    assert decoded(said("a"), {"done": True, "done_reason": "length"}) == [
        Text("a"),
        Finish("length"),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([said("a")], "PROVIDER_ERROR/cut", id="cut"),
        pytest.param([DONE], "MODEL_OUTPUT_INVALID/empty_answer", id="empty"),
        pytest.param(
            [called({"arguments": {}}), DONE],
            "MODEL_OUTPUT_INVALID/tool_call_incomplete",
            id="no-name",
        ),
        pytest.param(
            [called({"name": "x", "arguments": [1]}), DONE],
            "MODEL_OUTPUT_INVALID/tool_call_incomplete",
            id="no-object",
        ),
        pytest.param(
            [called({"name": "x", "arguments": '{"a":'}), DONE],
            "MODEL_OUTPUT_INVALID/tool_call_incomplete",
            id="text-cut",
        ),
        pytest.param([{"error": "model not loaded"}], "PROVIDER_ERROR/server_error", id="error"),
    ],
)
def test_what_is_no_whole_answer_is_an_error(lines: list[Any], expected: str) -> None:
    with pytest.raises(CodelabError) as caught:
        decoded(*lines)

    assert f"{caught.value.code}/{caught.value.reason}" == expected
