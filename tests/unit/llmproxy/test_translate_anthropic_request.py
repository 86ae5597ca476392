from dataclasses import replace
from typing import Any

import orjson
import pytest

from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.provider_state import seal
from codelab_llmproxy.translate_anthropic_request import encode_request
from fakes.stage import ask_of

FACTS = ModelFacts("m-1", "m-1", "claude", max_output=10_000, default_max_tokens=8_000)
THINKING = replace(FACTS, thinking=True)
USER = {"role": "user", "content": "Hi"}
MARK = {"type": "ephemeral"}
TOOL = {"name": "git.diff", "description": "D", "parameters": {"properties": {}}}
CALL = {"call_id": "c1", "name": "git.diff", "arguments": {"b": 1}}
SIGNED = [
    {"type": "thinking", "thinking": "hm", "signature": "s=="},
    {"type": "redacted_thinking", "data": "x+/="},
]


def encoded(facts: ModelFacts = FACTS, **fields: Any) -> dict[str, Any]:
    request = InferenceRequest.model_validate({"messages": [USER]} | fields)
    body: dict[str, Any] = orjson.loads(encode_request(ask_of(request, "a", facts)))
    return body


def contents(messages: list[dict[str, Any]], facts: ModelFacts = FACTS) -> list[tuple[str, Any]]:
    """Role and content of each message, without the marks of the cache."""
    sent = encoded(facts, messages=messages)["messages"]
    for message in sent:
        for block in message["content"]:
            block.pop("cache_control", None)
    return [(message["role"], message["content"]) for message in sent]


def text(content: str) -> dict[str, str]:
    return {"type": "text", "text": content}


def test_the_least_request_has_a_limit() -> None:
    """Regression 25."""
    assert encoded() == {
        "model": "m-1",
        "max_tokens": 8_000,
        "stream": True,
        "messages": [{"role": "user", "content": [text("Hi") | {"cache_control": MARK}]}],
    }
    assert [encoded(max_tokens=n)["max_tokens"] for n in (5, 99_999)] == [5, 10_000]


def test_system_messages_have_a_place_of_their_own() -> None:
    messages = [
        {"role": "system", "content": "A"},
        USER,
        {"role": "system", "content": " "},
        {"role": "system", "content": "B"},
    ]

    body = encoded(messages=messages)

    assert body["system"] == [text("A"), text("B") | {"cache_control": MARK}]
    assert [message["role"] for message in body["messages"]] == ["user"]


def test_results_are_the_person_s_and_neighbours_are_merged() -> None:
    messages: list[dict[str, Any]] = [
        USER,
        {"role": "user", "content": ""},
        {"role": "user", "content": "there"},
        {"role": "assistant", "content": "", "tool_calls": [CALL, CALL | {"call_id": "c2"}]},
        {"role": "tool", "call_id": "c1", "content": "one"},
        {"role": "tool", "call_id": "c2", "content": ""},
        {"role": "user", "content": "go on"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "Sure: \n"},
    ]

    use = {"type": "tool_use", "name": "git_diff", "input": {"b": 1}}
    assert contents(messages) == [
        ("user", [text("Hi"), text("there")]),
        ("assistant", [use | {"id": "c1"}, use | {"id": "c2"}]),
        (
            "user",
            [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "c2", "content": ""},
                text("go on"),
            ],
        ),
        ("assistant", [text("Sure:")]),
    ]


def test_the_cache_is_marked_at_four_places_at_most() -> None:
    messages = [{"role": "system", "content": "S"}]
    for turn in range(4):
        messages += [{"role": "user", "content": f"u{turn}"}, {"role": "assistant", "content": "a"}]
    body = encoded(messages=[*messages, USER], tools=[TOOL, TOOL | {"name": "x"}])

    marked = [
        m["content"][-1]["text"] for m in body["messages"] if "cache_control" in m["content"][-1]
    ]
    assert marked == ["u3", "Hi"]
    assert orjson.dumps(body).count(b"cache_control") == 4
    assert "cache_control" in body["tools"][-1]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, {"type": "auto"}, id="auto"),
        pytest.param({"tool_choice": "none"}, {"type": "none"}, id="none"),
        pytest.param({"tool_choice": "required"}, {"type": "any"}, id="required"),
        pytest.param(
            {"tool_choice": "git.diff"}, {"type": "tool", "name": "git_diff"}, id="one-tool"
        ),
        pytest.param(
            {"parallel_tool_calls": False},
            {"type": "auto", "disable_parallel_tool_use": True},
            id="one-by-one",
        ),
        pytest.param(
            {"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}, id="neither"
        ),
    ],
)
def test_the_choice_of_tools_is_translated(fields: dict[str, Any], expected: Any) -> None:
    body = encoded(tools=[TOOL], **fields)

    assert body["tool_choice"] == expected
    assert body["tools"] == [
        {
            "name": "git_diff",
            "description": "D",
            "input_schema": {"type": "object", "properties": {}},
            "cache_control": MARK,
        }
    ]


def test_a_model_without_tools_is_offered_none() -> None:
    assert "tools" not in encoded(replace(FACTS, tools=False), tools=[TOOL])


def test_sampling_is_kept_in_the_bounds_of_the_dialect() -> None:
    body = encoded(temperature=1.5, stop=["END", " \n"])

    assert (body["temperature"], body["stop_sequences"]) == (1.0, ["END"])


def test_a_model_that_reasons_takes_no_temperature_and_no_forced_tool() -> None:
    reasoning = replace(FACTS, reasoning=True)

    body = encoded(reasoning, temperature=0, tools=[TOOL], tool_choice="required")
    asked = encoded(replace(reasoning, thinking=True))

    assert "temperature" not in body
    assert "thinking" not in body
    assert body["tool_choice"] == {"type": "auto"}
    assert asked["thinking"] == {"type": "adaptive"}


@pytest.mark.parametrize(
    ("max_tokens", "expected"),
    [(2_000, None), (4_000, {"type": "enabled", "budget_tokens": 2_000})],
)
def test_thinking_has_its_part_of_the_limit(max_tokens: int, expected: Any) -> None:
    body = encoded(THINKING, max_tokens=max_tokens, temperature=0)

    assert body.get("thinking") == expected
    assert ("temperature" in body) is (expected is None)


def answered(state: str | None, content: str = "Look.") -> list[dict[str, Any]]:
    """A round of tools in its midst."""
    answer = {
        "role": "assistant",
        "content": content,
        "tool_calls": [CALL],
        "provider_state": state,
    }
    return [USER, answer, {"role": "tool", "call_id": "c1", "content": "r"}]


def test_a_round_that_began_without_thinking_goes_on_so() -> None:
    without = encoded(THINKING, messages=answered(None))
    of_another = encoded(THINKING, messages=answered(seal("b", {"content": SIGNED})))
    signed = encoded(THINKING, messages=answered(seal("a", {"content": SIGNED})))
    over = encoded(THINKING, messages=[*answered(None), USER])
    talk = encoded(THINKING, messages=[USER, {"role": "assistant", "content": "x"}])

    assert "thinking" not in without
    assert "thinking" not in of_another
    assert [body["thinking"]["type"] for body in (signed, over, talk)] == ["enabled"] * 3


def test_signed_blocks_go_back_exactly_where_they_stood() -> None:
    """Regression 15."""
    kept = [
        SIGNED[0],
        {"type": "text", "chars": 2},
        SIGNED[1],
        {"type": "tool_use"},
        {"type": "text", "chars": 3},
    ]

    sent = contents(answered(seal("a", {"content": kept})))
    foreign = contents(answered(seal("b", {"content": kept})))

    use = {"type": "tool_use", "id": "c1", "name": "git_diff", "input": {"b": 1}}
    assert sent[1] == ("assistant", [SIGNED[0], text("Lo"), SIGNED[1], use, text("ok.")])
    assert foreign[1] == ("assistant", [text("Look."), use])


@pytest.mark.parametrize(
    ("kept", "signed"),
    [
        pytest.param([*SIGNED, {"type": "text", "chars": 99}], SIGNED, id="other-text"),
        pytest.param([5, {"no": "type"}], [], id="garbled"),
        pytest.param("x", [], id="no-list"),
    ],
)
def test_an_answer_that_was_changed_keeps_what_is_signed_at_its_head(
    kept: Any, signed: list[Any]
) -> None:
    sent = contents(answered(seal("a", {"content": kept})))

    assert [block["type"] for block in sent[1][1]] == [
        *(block["type"] for block in signed),
        "text",
        "tool_use",
    ]


def test_calls_besides_those_that_were_kept_are_not_lost() -> None:
    kept = [SIGNED[0], {"type": "text", "chars": 5}]

    sent = contents(answered(seal("a", {"content": kept})))
    spare = contents(answered(seal("a", {"content": [*kept, *[{"type": "tool_use"}] * 2]})))

    assert [block["type"] for block in sent[1][1]] == ["thinking", "text", "tool_use"]
    assert spare == sent


def test_parallel_calls_of_an_answer_that_thought_are_all_given_back() -> None:
    """Regression 15, P-15."""
    calls = [CALL | {"call_id": f"c{n}"} for n in range(3)]
    kept = [SIGNED[0], {"type": "tool_use"}, {"type": "text", "chars": 2}, *[{"type": "tool_use"}]]
    answer = {"role": "assistant", "content": "Lo", "tool_calls": calls}

    sent = contents([USER, answer | {"provider_state": seal("a", {"content": kept})}])

    shown = [block.get("id", block["type"]) for block in sent[1][1]]
    assert shown == ["thinking", "c0", "text", "c1", "c2"]
