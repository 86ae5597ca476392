"""Settings of the LLM proxy about providers: its file, and variables that other tools read too.

Part of `codelab_core.settings`: nothing else reads the environment.
"""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, SecretStr, field_validator


def _others(variable: str) -> Any:
    """A variable of somebody else: without our prefix, and never rendered by us."""
    return Field(validation_alias=variable, exclude=True)


class ProviderFields(BaseModel, use_attribute_docstrings=True):
    """Fields of `LLMProxySettings`.

    The variables of providers count only where there is no file: on a developer's machine the first
    of OpenAI, Anthropic and Ollama that is there becomes the default model.
    """

    config_file: Path | None = None
    """Providers, routes, quotas; absent: the built-in provider, or those of the variables below."""
    default_model: str = ""
    """Model behind `default` where there is no file; empty: a current one of the provider."""
    scripted_fallback: bool = False
    """Without a file: the scripted model answers behind `default` where the provider cannot; its
    answers name `scripted` as their provider."""
    openai_api_key: Annotated[SecretStr | None, _others("OPENAI_API_KEY")] = None
    """Key of OpenAI, or of a server that speaks its dialect."""
    openai_base_url: Annotated[str | None, _others("OPENAI_BASE_URL")] = None
    """Address of that server, with its version: `https://api.openai.com/v1`."""
    anthropic_api_key: Annotated[SecretStr | None, _others("ANTHROPIC_API_KEY")] = None
    """Key of Anthropic."""
    anthropic_base_url: Annotated[str | None, _others("ANTHROPIC_BASE_URL")] = None
    """Address of a server that speaks Anthropic's dialect, without its version."""
    ollama_host: Annotated[str | None, _others("OLLAMA_HOST")] = None
    """Host, host:port or URL of an Ollama server; port 11434 where none is given."""

    @field_validator(
        "openai_api_key",
        "openai_base_url",
        "anthropic_api_key",
        "anthropic_base_url",
        "ollama_host",
        mode="before",
    )
    @classmethod
    def _empty_is_absent(cls, value: Any) -> Any:
        """Compose files pass variables on that are not set as empty ones."""
        return None if isinstance(value, str) and not value.strip() else value


def environment_secret(name: str) -> SecretStr | None:
    """The secret in a variable of this process; `None` where it is absent or empty."""
    value = os.environ.get(name, "").strip()  # noqa: TID251 -- part of the one reader of it
    return SecretStr(value) if value else None
