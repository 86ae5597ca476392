from typing import Any

import pytest

from codelab_core.protocol.inference import Usage
from codelab_llmproxy.usage import from_anthropic, from_ollama, from_openai, merge


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 13,
                "prompt_tokens_details": {"cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(prompt_tokens=9, completion_tokens=4, cached_tokens=8, reasoning_tokens=2),
            id="all",
        ),
        pytest.param(
            {"prompt_tokens": 0, "prompt_tokens_details": None},
            Usage(prompt_tokens=0),
            id="zero-is-a-count",
        ),
        pytest.param({"prompt_tokens": True, "completion_tokens": -1}, None, id="no-counts"),
        pytest.param({"prompt_tokens": "9", "completion_tokens": None}, None, id="wrong-types"),
        pytest.param({}, None, id="empty"),
    ],
)
def test_only_reported_counts_are_there(report: dict[str, Any], expected: Usage | None) -> None:
    assert from_openai(report) == expected


def test_the_last_value_wins_and_nothing_is_added() -> None:
    first = Usage(prompt_tokens=9, completion_tokens=1)
    second = Usage(completion_tokens=4)

    assert merge(None, first) == first
    assert merge(first, second) == Usage(prompt_tokens=9, completion_tokens=4)


def test_tokens_of_the_prompt_cache_are_tokens_of_the_prompt() -> None:
    report = {
        "input_tokens": 5,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 100,
        "output_tokens": 7,
    }

    assert from_anthropic(report) == Usage(prompt_tokens=125, completion_tokens=7, cached_tokens=20)
    assert from_anthropic({"output_tokens": 0}) == Usage(completion_tokens=0)
    assert from_anthropic({"input_tokens": "5"}) is None


def test_counts_of_ollama_are_in_the_last_line() -> None:
    report = {"prompt_eval_count": 3, "eval_count": 4, "eval_duration": 5}

    assert from_ollama(report) == Usage(prompt_tokens=3, completion_tokens=4)
    assert from_ollama({"done": True}) is None
