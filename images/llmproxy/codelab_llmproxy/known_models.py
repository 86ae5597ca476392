"""The packaged list of models that are known without being configured."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from codelab_core.llm_config import ModelConfig


@dataclass(frozen=True, slots=True)
class KnownModels:
    """Known models per dialect, the default one first."""

    models: Mapping[str, tuple[ModelConfig, ...]]

    def of(self, kind: str) -> tuple[ModelConfig, ...]:
        """The known models of a dialect; none for one without a list."""
        return self.models.get(kind, ())

    def find(self, kind: str, model: str) -> ModelConfig | None:
        """What is known of one model."""
        return next((known for known in self.of(kind) if known.id == model), None)


@cache
def known_models() -> KnownModels:
    """The list that comes with this package."""
    text = files("codelab_llmproxy").joinpath("models.yaml").read_text(encoding="utf-8")
    listed = yaml.safe_load(text)
    return KnownModels(
        {
            kind: tuple(ModelConfig.model_validate(model) for model in models)
            for kind, models in listed.items()
        }
    )
