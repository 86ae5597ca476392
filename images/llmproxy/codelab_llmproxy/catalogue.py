"""Which models there are, under which names, and who serves them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import ModelInfo
from codelab_llmproxy.providers import Provider

SCRIPTED_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "default": "scripted/agent",
        "auto": "scripted/agent",
        "gpt-4": "scripted/agent",
        "gpt-4o": "scripted/agent",
        "claude-3": "scripted/agent",
        "local-llama2": "scripted/agent",
    }
)
"""Names that answer even where no provider is configured."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where one inference goes; `label` stands for the model in metrics."""

    provider: Provider
    model: str
    label: str


class Catalogue:
    """All models of some providers, and other names for them; immutable."""

    def __init__(self, providers: Sequence[Provider], aliases: Mapping[str, str]) -> None:
        self.providers = tuple(providers)
        self._aliases = aliases

    def resolve(self, model: str) -> Target:
        """The target of a model or alias; raises `NOT_FOUND`/unknown_model with the valid ids."""
        wanted = self._aliases.get(model, model)
        for provider in self.providers:
            if provider.knows(wanted):
                return Target(provider, wanted, provider.label(wanted))
        raise CodelabError(
            Code.NOT_FOUND,
            "unknown_model",
            message=f"There is no model {model[:128]!r}.",
            models=[known.id for known in self.models()],
        )

    def models(self) -> list[ModelInfo]:
        """Every model to list, aliases first: they are what most callers ask for."""
        real = [model for provider in self.providers for model in provider.models()]
        by_id = {model.id: model for model in real}
        aliases = [
            by_id[model].model_copy(update={"id": alias, "name": alias})
            for alias, model in self._aliases.items()
        ]
        return aliases + real
