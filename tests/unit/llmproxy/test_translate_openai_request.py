from dataclasses import replace
from typing import Any

import orjson
import pytest

from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.provider_state import seal
from codelab_llmproxy.translate_openai_request import encode_request
from fakes.stage import FACTS, ask_of

USER = {"role": "user", "content": "Hi"}


def encoded(facts: ModelFacts = FACTS, **fields: Any) -> str:
    request = InferenceRequest.model_validate({"messages": [USER]} | fields)
    return encode_request(ask_of(request, facts=facts)).decode()


def test_the_least_request_has_nothing_that_was_not_asked_for() -> None:
    assert encoded() == (
        '{"model":"stage","messages":[{"role":"user","content":"Hi"}],"stream":true,'
        '"stream_options":{"include_usage":true}}'
    )


def test_a_history_with_calls_is_in_the_shape_of_the_dialect() -> None:
    messages = [
        {"role": "system", "content": "S"},
        USER,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"call_id": "c1-0-0", "name": "git.diff", "arguments": {"b": 1, "a": 2}}
            ],
        },
        {"role": "tool", "call_id": "c1-0-0", "content": "{}"},
        {"role": "assistant", "content": "Done."},
    ]

    assert orjson.loads(encoded(messages=messages))["messages"] == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1-0-0",
                    "type": "function",
                    "function": {"name": "git_diff", "arguments": '{"b":1,"a":2}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1-0-0", "content": "{}"},
        {"role": "assistant", "content": "Done."},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        pytest.param("auto", '"auto"', id="auto"),
        pytest.param("none", '"none"', id="none"),
        pytest.param(
            "git.diff", '{"type":"function","function":{"name":"git_diff"}}', id="one-tool"
        ),
    ],
)
def test_tools_are_offered_under_names_that_providers_take(choice: str, expected: str) -> None:
    tool = {"name": "git.diff", "description": "D", "parameters": {"type": "object"}}

    assert encoded(tools=[tool], tool_choice=choice).endswith(
        '"tools":[{"type":"function","function":{"name":"git_diff","description":"D",'
        f'"parameters":{{"type":"object"}}}}}}],"tool_choice":{expected},"parallel_tool_calls":true}}'
    )


def test_sampling_fields_are_passed_on() -> None:
    line = encoded(max_tokens=5, temperature=0, stop=["x"], metadata={"session_id": "s1"})

    assert line.endswith(
        '"max_tokens":5,"temperature":0,"stop":["x"],'
        '"prompt_cache_key":"e8bc163c82eee18733288c7d4ac636db"}'
    )


def test_signed_reasoning_goes_back_to_its_provider_only() -> None:
    details = [{"type": "reasoning.text", "text": "t", "signature": "s"}]
    ours, theirs = (
        {
            "role": "assistant",
            "content": "a",
            "provider_state": seal(name, {"reasoning_details": details}),
        }
        for name in ("scripted", "other")
    )

    messages = orjson.loads(encoded(messages=[USER, ours, USER, theirs, USER]))["messages"]

    assert messages[1] == {"role": "assistant", "content": "a", "reasoning_details": details}
    assert messages[3] == {"role": "assistant", "content": "a"}


def test_the_messages_of_a_turn_are_a_prefix_of_the_next_turn_s() -> None:
    history: list[dict[str, Any]] = []
    before = b"["
    for turn in range(20):
        history.append({"role": "user", "content": f"turn {turn} é\n"})
        after = orjson.dumps(orjson.loads(encoded(messages=history))["messages"])
        assert after.startswith(before)
        before = after[:-1]
        call = {
            "call_id": f"c{turn}-0-0",
            "name": "git.diff",
            "arguments": {"path": "é", "n": turn},
        }
        history.append({"role": "assistant", "content": "", "tool_calls": [call]})
        history.append({"role": "tool", "call_id": f"c{turn}-0-0", "content": "{}"})


TOOL = {"name": "git.diff"}


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        pytest.param(
            replace(FACTS, reasoning=True, reasoning_effort="none"),
            '"max_completion_tokens":5,"reasoning_effort":"none",'
            '"prompt_cache_key":"043a718774c572bd8a25adbeb1bfcd5c"}',
            id="reasoning",
        ),
        pytest.param(
            replace(FACTS, family="mistral"),
            '"max_tokens":5,"temperature":0,"stop":["x"]}',
            id="not-of-openai",
        ),
    ],
)
def test_fields_that_a_model_refuses_are_left_out(facts: ModelFacts, ending: str) -> None:
    fields = {"max_tokens": 5, "temperature": 0, "stop": ["x"], "metadata": {"session_id": "s"}}

    line = encoded(facts, **fields)

    assert line.endswith('"stream_options":{"include_usage":true},' + ending)


def test_a_model_without_tools_is_offered_none() -> None:
    bare = encoded(replace(FACTS, tools=False), tools=[TOOL])
    one_by_one = encoded(replace(FACTS, parallel_tool_calls=False), tools=[TOOL])

    assert bare == encoded()
    assert one_by_one.endswith('"tool_choice":"auto"}')
