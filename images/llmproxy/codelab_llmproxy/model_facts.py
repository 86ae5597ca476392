"""What the proxy knows of a model, by its configuration and the list of known ones. Pure."""

import re
from dataclasses import dataclass, field
from typing import Final

from codelab_core.llm_config import ClocksConfig, Kind, ModelConfig

DEFAULT_WINDOW: Final = 128_000
OLLAMA_WINDOW: Final = 32_768
"""Tokens of a local model of unknown size: each costs memory of the machine."""
DEFAULT_OUTPUT: Final = 16_384
DEFAULT_LIMIT: Final = 8_192
_FAMILIES: Final = (
    ("gpt", re.compile(r"(chat)?gpt|codex|o[134]($|-)")),
    ("claude", re.compile(r"(.*\.)?claude")),
    ("llama", re.compile(r"(code|meta-)?llama")),
    ("qwen", re.compile(r"qw[eq]n?")),
    ("mistral", re.compile(r"mistral|mixtral|codestral|devstral|magistral|ministral")),
    ("gemini", re.compile(r"gemini|gemma")),
    ("deepseek", re.compile(r"deepseek")),
)
"""Families by how model ids begin; vendors put their name before a slash."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One model of one provider. Fields are those of `ModelConfig`, none of them unknown.

    `label` stands for the model in metrics; a family of endless names shares one.
    """

    id: str
    label: str
    family: str
    context_window: int = DEFAULT_WINDOW
    max_output: int = DEFAULT_OUTPUT
    default_max_tokens: int = DEFAULT_LIMIT
    thinking: bool = False
    tools: bool = True
    reasoning: bool = False
    parallel_tool_calls: bool = True
    reasoning_effort: str | None = None
    clocks: ClocksConfig = field(default_factory=ClocksConfig)


def facts_of(kind: Kind, model: ModelConfig, known: ModelConfig | None = None) -> ModelFacts:
    """The facts of a configured model; what its configuration leaves open is as `known` has it."""
    if known:
        said = {name: getattr(model, name) for name in model.model_fields_set}
        model = known.model_copy(update=said)
    window = model.context_window or (OLLAMA_WINDOW if kind == "ollama" else DEFAULT_WINDOW)
    max_output = model.max_output or min(DEFAULT_OUTPUT, window)
    return ModelFacts(
        id=model.id,
        label=model.id,
        family=family_of(kind, model.id),
        context_window=window,
        max_output=max_output,
        default_max_tokens=min(model.default_max_tokens or DEFAULT_LIMIT, max_output),
        thinking=model.thinking,
        tools=model.tools,
        reasoning=model.reasoning,
        parallel_tool_calls=model.parallel_tool_calls,
        reasoning_effort=model.reasoning_effort,
        clocks=model.clocks,
    )


def family_of(kind: Kind, model: str) -> str:
    """The family of a model by its id; it decides how the model is spoken to."""
    if kind == "scripted":
        return "scripted"
    name = model.lower().rpartition("/")[2]
    for family, beginning in _FAMILIES:
        if beginning.match(name):
            return family
    return "claude" if kind == "anthropic" else "other"
