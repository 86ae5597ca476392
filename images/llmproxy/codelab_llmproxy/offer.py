"""What is on offer now: the catalogue of the configuration, swapped as a whole when that changes.

An inference keeps the target that it began with.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from codelab_core.llm_config import LLMConfig, ProviderConfig
from codelab_core.provider_settings import environment_secret
from codelab_core.settings import LLMProxySettings, SettingsError
from codelab_llmproxy.catalogue import Catalogue
from codelab_llmproxy.config_file import ConfigFileError, Stamp, load_config, stamp
from codelab_llmproxy.default_config import default_config
from codelab_llmproxy.dialects import DIALECTS
from codelab_llmproxy.egress import Egress
from codelab_llmproxy.http_provider import HttpProvider
from codelab_llmproxy.keys import Environment, Key, SecretError, open_keys
from codelab_llmproxy.known_models import known_models
from codelab_llmproxy.model_facts import facts_of
from codelab_llmproxy.providers import Provider
from codelab_llmproxy.unserved import unserved_fields

POLL_S: Final = 2.0

log = logging.getLogger(__name__)


class SecretsError(SettingsError):
    """Keys of a configuration that cannot be read; one line for each."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What providers are made of: the built-in one, the way out, variables with secrets."""

    scripted: Provider
    egress: Egress
    environment: Environment = environment_secret

    def catalogue(self, config: LLMConfig, before: "Catalogue | None" = None) -> Catalogue:
        """The providers of a configuration; those that did not change go on as they are.

        Raises `SecretsError` for keys that cannot be read, all of them.
        """
        known = {p.name: p for p in before.providers} if before else {}
        providers: list[Provider] = []
        problems: list[str] = []
        for one in config.providers:
            provider, found = self._provider(one, known.get(one.name))
            providers.append(provider)
            problems += found
        if problems:
            raise SecretsError("\n".join(problems))
        return Catalogue(providers, config)

    def _provider(
        self, config: ProviderConfig, before: Provider | None
    ) -> tuple[Provider, list[str]]:
        """One provider, and what is wrong with its keys."""
        if config.kind == "scripted":
            return self.scripted, []
        if isinstance(before, HttpProvider) and before.config == config:
            return before, []
        keys, problems = open_keys(config.keys, self.environment)
        known = known_models()
        models = [facts_of(config.kind, m, known.find(config.kind, m.id)) for m in config.models]
        provider = HttpProvider(config, DIALECTS[config.kind], models, keys, self.egress)
        return provider, [f"providers.{config.name}.keys: {problem}" for problem in problems]


class Offer:
    """The catalogue as it is now; `on_change` is told of each new one, and of one that is refused.

    Raises `ConfigFileError`, `SecretsError` and `SettingsError` for what cannot be served at all.
    """

    def __init__(self, settings: LLMProxySettings, workshop: Workshop) -> None:
        self._file = settings.config_file
        self._workshop = workshop
        self._stamp: Stamp | None = stamp(self._file) if self._file else None
        self._listeners: list[Callable[[Catalogue], None]] = []
        self.is_valid = True
        config = _loaded(self._file) if self._file else default_config(settings, known_models())
        self.catalogue = workshop.catalogue(config)

    def on_change(self, listener: Callable[[Catalogue], None]) -> None:
        """Tell of each new catalogue, and of this one now."""
        self._listeners.append(listener)
        listener(self.catalogue)

    async def watch(self) -> None:
        """Look for changes every two seconds."""
        while True:
            await asyncio.sleep(POLL_S)
            await asyncio.to_thread(self.refresh_keys)
            self.reload()

    def reload(self) -> None:
        """Take a changed file as a whole, or leave everything as it is."""
        seen = stamp(self._file) if self._file else None
        if self._file is None or seen == self._stamp:
            return
        self._stamp = seen
        try:
            self.catalogue = self._workshop.catalogue(_loaded(self._file), self.catalogue)
        except (ConfigFileError, SecretsError) as error:
            self.is_valid = False
            log.error("the changed configuration is not used", extra={"problems": str(error)})  # noqa: TRY400 -- the text says it all
            return
        self.is_valid = True
        for listener in self._listeners:
            listener(self.catalogue)
        log.info("the configuration was read again")

    def refresh_keys(self) -> None:
        """Read keys again whose files have changed; one that cannot be read stays as it was."""
        for provider in self.catalogue.providers:
            if isinstance(provider, HttpProvider):
                changed = [_is_renewed(provider.name, key) for key in provider.keys.keys]
                if any(changed):
                    provider.doubt()


def _loaded(file: Path) -> LLMConfig:
    """The configuration of a file; says what of it is not served. Raises `ConfigFileError`."""
    config = load_config(file)
    if fields := unserved_fields(config):
        log.warning("the configuration asks for what is not there yet", extra={"fields": fields})
    return config


def _is_renewed(provider: str, key: Key) -> bool:
    """Read one key again; whether it is another one now."""
    facts = {"provider": provider, "key_id": key.id}
    try:
        if not key.refresh():
            return False
    except SecretError:
        log.warning("a changed key cannot be read", extra=facts)
        return False
    log.info("a key was read again", extra=facts)
    return True


def secrets_of(settings: LLMProxySettings) -> Environment:
    """Secrets by the names of their variables: those of the settings, then the environment's."""
    own = {
        "OPENAI_API_KEY": settings.openai_api_key,
        "ANTHROPIC_API_KEY": settings.anthropic_api_key,
    }

    def secret(name: str) -> SecretStr | None:
        return own.get(name) or environment_secret(name)

    return secret
