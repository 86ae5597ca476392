from dataclasses import replace
from typing import Any

import orjson

from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.translate_ollama_request import encode_request
from fakes.stage import ask_of

FACTS = ModelFacts("m-1", "m-1", "qwen", context_window=4096)
USER = {"role": "user", "content": "Hi"}
TOOL = {"name": "git.diff", "description": "D", "parameters": {"properties": {}}}


def encoded(facts: ModelFacts = FACTS, **fields: Any) -> dict[str, Any]:
    request = InferenceRequest.model_validate({"messages": [USER]} | fields)
    body: dict[str, Any] = orjson.loads(encode_request(ask_of(request, "o", facts)))
    return body


def test_the_window_is_always_told() -> None:
    assert encoded() == {
        "model": "m-1",
        "messages": [USER],
        "stream": True,
        "options": {"num_ctx": 4096},
        "keep_alive": "30m",
    }


def test_sampling_is_among_the_options() -> None:
    options = encoded(max_tokens=5, temperature=0, stop=["x"])["options"]

    assert options == {"num_ctx": 4096, "num_predict": 5, "temperature": 0, "stop": ["x"]}


def test_calls_have_no_ids_and_results_name_their_tool() -> None:
    call = {"call_id": "c1", "name": "git.diff", "arguments": {"b": 1}}
    messages = [
        {"role": "system", "content": "S"},
        USER,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "call_id": "c1", "content": "r"},
    ]

    assert encoded(messages=messages)["messages"] == [
        {"role": "system", "content": "S"},
        USER,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "git_diff", "arguments": {"b": 1}}}],
        },
        {"role": "tool", "content": "r", "tool_name": "git_diff"},
    ]


def test_tools_are_offered_where_they_may_be_called() -> None:
    offered = encoded(tools=[TOOL])["tools"]

    assert offered == [
        {
            "type": "function",
            "function": {
                "name": "git_diff",
                "description": "D",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]
    assert "tools" not in encoded(tools=[TOOL], tool_choice="none")
    assert "tools" not in encoded(replace(FACTS, tools=False), tools=[TOOL])


def test_a_model_is_asked_to_think_where_it_is_configured_so() -> None:
    assert encoded(replace(FACTS, thinking=True))["think"] is True


def test_results_stand_in_the_order_of_their_calls() -> None:
    """Two results of one tool could not be told apart by anything else."""
    calls = [{"call_id": f"c{n}", "name": "read_file", "arguments": {"n": n}} for n in range(3)]
    messages = [
        USER,
        {"role": "assistant", "content": "", "tool_calls": calls},
        *({"role": "tool", "call_id": f"c{n}", "content": str(n)} for n in (2, 0, 1)),
        {"role": "user", "content": "?"},
    ]

    sent = encoded(messages=messages)["messages"]

    assert [message["content"] for message in sent] == ["Hi", "", "0", "1", "2", "?"]
