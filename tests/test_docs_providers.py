"""The page about providers is true: its examples are accepted, its tables match the code."""

import re
from pathlib import Path

import pytest

from codelab_core.error_codes import KINDS, Code
from codelab_core.llm_config import ModelConfig
from codelab_core.provider_settings import ProviderFields
from codelab_llmproxy.config_file import parse_text
from codelab_llmproxy.known_models import known_models

PAGE = (Path(__file__).resolve().parent.parent / "docs/providers.md").read_text()
EXAMPLES = re.findall(r"### (.+?)\n.*?```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", [text for _, text in EXAMPLES], ids=[n for n, _ in EXAMPLES])
def test_every_example_is_a_configuration(example: str) -> None:
    """D-07."""
    config = parse_text(example.encode())

    assert "default" in config.aliases


def test_there_is_an_example_for_each_kind_of_provider() -> None:
    kinds = {p.kind for _, text in EXAMPLES for p in parse_text(text.encode()).providers}

    assert kinds == {"openai-compatible", "anthropic", "ollama"}


def test_models_of_the_examples_are_known_where_they_bring_no_window() -> None:
    providers = [p for _, text in EXAMPLES for p in parse_text(text.encode()).providers]
    bare = {(p.kind, m.id) for p in providers for m in p.models if m.context_window is None}

    assert [pair for pair in bare if known_models().find(*pair) is None] == []


def test_every_variable_and_every_field_is_on_the_page() -> None:
    fields = ProviderFields.model_fields
    others = [str(field.validation_alias) for field in fields.values() if field.validation_alias]
    ours = [f"CODELAB_{name.upper()}" for name, f in fields.items() if not f.validation_alias]
    table = PAGE.partition("## Fields of a model")[2].partition("## Keys")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))

    assert [name for name in (*others, *ours) if name not in PAGE] == []
    assert named == set(ModelConfig.model_fields) - {"id", "prefill"}


def test_codes_and_classes_of_failures_exist() -> None:
    table = PAGE.partition("## When a provider fails")[2]
    rows = re.findall(r"^\| .* \| `([A-Z_]+)`.* \| (.+) \|$", table, re.MULTILINE)

    assert len(rows) >= 10
    for code, classes in rows:
        known = KINDS[Code(code)].classes.split()
        assert set(re.findall(r"`(\w+)`", classes)) <= set(known)
