from typing import Any

import orjson
import pytest

from codelab_core.errors import CodelabError
from codelab_llmproxy.neutral_body import BodyDigest, parse

USER = {"role": "user", "content": "Hi"}


def body(**fields: Any) -> bytes:
    return orjson.dumps({"messages": [USER]} | fields)


def asked(*ids: str) -> dict[str, Any]:
    calls = [{"call_id": call_id, "name": "x", "arguments": {}} for call_id in ids]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def result(call_id: str | None) -> dict[str, Any]:
    return {"role": "tool", "content": "{}"} | ({"call_id": call_id} if call_id else {})


def nested(depth: int) -> dict[str, Any]:
    return {"deep": nested(depth - 1)} if depth > 1 else {}


def refusal(content: bytes, last_event_id: bytes | None = None) -> str:
    with pytest.raises(CodelabError) as caught:
        parse(content, last_event_id)
    assert caught.value.code == "INVALID_REQUEST"
    return str(caught.value.reason)


def test_a_good_body_is_parsed_and_kept_as_it_was() -> None:
    request, decoded = parse(body(model="echo", metadata={"session_id": "s"}, unknown=1))

    assert (request.model, request.messages[0].content) == ("echo", "Hi")
    assert decoded["unknown"] == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"{", "body", id="no-json"),
        pytest.param(b"[]", "body", id="no-object"),
        pytest.param(b'{"messages":[{"role":"user","content":NaN}]}', "body", id="nan"),
        pytest.param(b'{"messages":[{"role":"user","content":"\\ud800"}]}', "body", id="surrogate"),
        pytest.param(b'{"messages":[{"role":"user","content":"\xff"}]}', "body", id="bad-utf8"),
        pytest.param(body(metadata=nested(64)), "body", id="depth-65"),
        pytest.param(body(messages=[]), "body", id="no-messages"),
        pytest.param(body(messages=[USER] * 10_001), "body", id="too-many-messages"),
        pytest.param(body(tools=[{"name": "x"}] * 513), "body", id="too-many-tools"),
        pytest.param(body(inference_id="a b"), "body", id="bad-id"),
        pytest.param(body(api_base="http://x"), "forbidden_field", id="host"),
        pytest.param(body(api_key="x"), "forbidden_field", id="key"),
        pytest.param(
            body(model="a").replace(b'"model":"a"', b'"model":"a","model":"b"'),
            "ambiguous_body",
            id="two-models",
        ),
        pytest.param(body(messages=[USER, asked("a")]), "unpaired_tool_call", id="no-result"),
        pytest.param(
            body(messages=[USER, asked("a"), USER]), "unpaired_tool_call", id="interrupted"
        ),
        pytest.param(body(messages=[USER, result("a")]), "unpaired_tool_call", id="no-call"),
        pytest.param(
            body(messages=[USER, asked("a"), result("a"), result("a")]),
            "unpaired_tool_call",
            id="two-results",
        ),
        pytest.param(
            body(messages=[USER, asked("a"), result(None)]), "unpaired_tool_call", id="no-id"
        ),
        pytest.param(
            body(messages=[USER, asked("a", "a"), result("a")]),
            "unpaired_tool_call",
            id="one-id-for-two-calls",
        ),
    ],
)
def test_what_no_model_should_see_is_refused(content: bytes, reason: str) -> None:
    assert refusal(content) == reason


def test_a_refusal_never_repeats_values_of_the_body() -> None:
    with pytest.raises(CodelabError) as caught:
        parse(body(max_tokens="secret"))

    assert caught.value.details == {
        "errors": [{"loc": ["max_tokens"], "msg": "Input should be a valid integer"}]
    }


def test_many_brackets_are_no_depth() -> None:
    request, _ = parse(body(metadata=nested(62) | {"flat": [[]] * 100}))

    assert request.model == "default"


def test_a_name_that_stands_twice_below_the_top_is_fine() -> None:
    tool = {"name": "x", "parameters": {"properties": {"model": {}, "tools": {}}}}

    request, _ = parse(body(model="model", tools=[tool, tool]))

    assert request.model == "model"


def test_paired_calls_are_taken_in_any_order() -> None:
    messages = [USER, asked("a", "b"), result("b"), result("a"), asked("a"), result("a"), USER]

    request, _ = parse(body(messages=messages))

    assert len(request.messages) == 7


@pytest.mark.parametrize(
    ("header", "position"),
    [
        pytest.param(None, 4, id="field"),
        pytest.param(b"i-1:41", 42, id="header-wins"),
        pytest.param(b"i-1:0", 1, id="first"),
    ],
)
def test_the_last_event_id_wins_over_the_field(header: bytes | None, position: int) -> None:
    request, _ = parse(body(**{"inference_id": "i-1", "from": 4}), header)

    assert request.from_chunk == position


@pytest.mark.parametrize("header", [b"", b"i-1", b"i-2:4", b"i-1:-1", b"i-1:x", b"i-1:\xb2", b":1"])
def test_an_event_id_of_another_inference_is_refused(header: bytes) -> None:
    assert refusal(body(inference_id="i-1"), header) == "body"


def test_the_digest_depends_on_content_only() -> None:
    first = {"messages": [USER], "model": "a", "deadline_ms": 1, "metadata": {"x": 1}}
    again = {"model": "a", "messages": [USER], "from": 3, "crc": 1, "fence": 2, "shown": "x"}
    other = {"model": "b", "messages": [USER]}

    digests = [BodyDigest(decoded).value() for decoded in (first, again, other)]

    assert digests[0] == digests[1] != digests[2]


def test_the_digest_stays_after_the_body_was_let_go() -> None:
    digest = BodyDigest({"model": "a"})

    assert digest.value() == digest.value()
