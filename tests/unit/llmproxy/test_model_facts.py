from typing import Any

import pytest

from codelab_core.llm_config import Kind, ModelConfig
from codelab_llmproxy.model_facts import ModelFacts, facts_of, family_of


def model(**fields: Any) -> ModelConfig:
    return ModelConfig(id="m", **fields)


def test_what_nobody_says_has_a_cautious_default() -> None:
    assert facts_of("openai-compatible", model()) == ModelFacts("m", "m", "other")
    assert facts_of("ollama", model()).context_window == 32_768


def test_the_configuration_wins_over_what_is_known() -> None:
    known = model(context_window=1000, max_output=100, reasoning=True, default_max_tokens=90)

    facts = facts_of("anthropic", model(max_output=50, reasoning=False), known)

    assert facts == ModelFacts(
        "m", "m", "claude", context_window=1000, max_output=50, default_max_tokens=50
    )


@pytest.mark.parametrize(
    ("kind", "name", "family"),
    [
        ("openai-compatible", "gpt-5.6", "gpt"),
        ("openai-compatible", "openai/gpt-oss-120b", "gpt"),
        ("openai-compatible", "o3", "gpt"),
        ("openai-compatible", "olmo", "other"),
        ("openai-compatible", "anthropic/claude-sonnet-5-5", "claude"),
        ("openai-compatible", "us.anthropic.claude-x", "claude"),
        ("ollama", "llama3.1:8b", "llama"),
        ("ollama", "Meta-Llama-3-70B", "llama"),
        ("ollama", "qwen3-coder:30b", "qwen"),
        ("ollama", "qwq:32b", "qwen"),
        ("ollama", "devstral:24b", "mistral"),
        ("openai-compatible", "gemini-3", "gemini"),
        ("openai-compatible", "deepseek-v4", "deepseek"),
        ("anthropic", "house-model", "claude"),
        ("scripted", "echo", "scripted"),
    ],
)
def test_families_are_told_by_their_ids(kind: Kind, name: str, family: str) -> None:
    """X-16."""
    assert family_of(kind, name) == family
