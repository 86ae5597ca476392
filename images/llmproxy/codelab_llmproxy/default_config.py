"""The configuration where there is no file: variables of the environment, else scripted only."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from codelab_core.llm_config import (
    ANTHROPIC_URL,
    LLMConfig,
    LLMConfigError,
    check_url,
    parse_config,
)
from codelab_core.llm_names import SCRIPTED
from codelab_core.provider_settings import ProviderFields
from codelab_core.settings import SettingsError
from codelab_llmproxy.known_models import KnownModels

OPENAI_URL: Final = "https://api.openai.com/v1"
OLLAMA_PORT: Final = 11434
SCRIPTED_MODEL: Final = f"{SCRIPTED}/agent"
_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- replaced, not used

_Provider = dict[str, Any]


def default_config(fields: ProviderFields, known: KnownModels) -> LLMConfig:
    """The providers that the settings name, the first of them behind `default`; then scripted.

    Only where a setting asks for it the scripted one stands in for the first.

    An address that was given by hand may be private: it is the person's own machine that calls it.
    Raises `SettingsError`.
    """
    providers = [*_named(fields)]
    for provider in providers:
        provider["models"] = [{"id": model.id} for model in known.of(provider["kind"])]
    wanted = _default_model(providers, fields.default_model)
    has_fallback = bool(providers) and fields.scripted_fallback
    document = {
        "version": 1,
        "providers": [*providers, {"name": SCRIPTED, "kind": "scripted"}],
        **(_with_fallback(wanted) if has_fallback else _plainly(wanted)),
    }
    try:
        return parse_config(document)
    except LLMConfigError as error:
        raise SettingsError(f"CODELAB_DEFAULT_MODEL: {error}") from None


def _plainly(wanted: str) -> dict[str, Any]:
    """Names that stand for one model."""
    return {"aliases": {"default": wanted, "auto": wanted}}


def _with_fallback(wanted: str) -> dict[str, Any]:
    """The same names for a route that ends with the scripted model."""
    provider, _, model = wanted.partition("/")
    targets = [
        {"provider": provider, "model": model, "priority": 0},
        {"provider": SCRIPTED, "model": SCRIPTED_MODEL, "priority": 1},
    ]
    return {"routes": {"default": {"targets": targets}}, "aliases": {"auto": "default"}}


def _named(fields: ProviderFields) -> Iterator[_Provider]:
    """The providers that there is a key or an address of, in the order of precedence."""
    if fields.openai_api_key or fields.openai_base_url:
        keyed = _keys("OPENAI_API_KEY") if fields.openai_api_key else []
        url = fields.openai_base_url or OPENAI_URL
        yield _at("openai", "openai-compatible", url, is_own=url != OPENAI_URL) | {"keys": keyed}
    if fields.anthropic_api_key:
        url = fields.anthropic_base_url or ANTHROPIC_URL
        keyed = _keys("ANTHROPIC_API_KEY")
        yield _at("anthropic", "anthropic", url, is_own=url != ANTHROPIC_URL) | {"keys": keyed}
    if fields.ollama_host:
        yield _at("ollama", "ollama", _ollama_url(fields.ollama_host), is_own=True)


def _keys(variable: str) -> list[dict[str, str]]:
    """The one key, by the name of its variable."""
    return [{"id": "environment", "secret": f"env:{variable}"}]


def _at(name: str, kind: str, url: str, *, is_own: bool) -> _Provider:
    """A provider at an address; raises `SettingsError` for one that cannot be."""
    variable = "OLLAMA_HOST" if kind == "ollama" else f"{name.upper()}_BASE_URL"
    try:
        check_url(url, allow_private=is_own)
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}") from None
    return {"name": name, "kind": kind, "base_url": url, "allow_private": is_own}


def _ollama_url(host: str) -> str:
    """The address of a server by its variable: `host`, `host:port` or a URL.

    The variable also tells the server where to listen, so it may name every address.
    """
    text = host.strip().rstrip("/")
    if text.count(":") > 1 and "[" not in text and "://" not in text:
        text = f"[{text}]"  # a bare IPv6 address
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        name, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        raise SettingsError("OLLAMA_HOST: this is no address") from None
    name = _EVERY_ADDRESS.get(name, name)
    shown = f"[{name}]" if ":" in name else name
    default = 443 if parts.scheme == "https" else OLLAMA_PORT
    return f"{parts.scheme}://{shown}:{port or default}{parts.path}"


def _default_model(providers: list[_Provider], wanted: str) -> str:
    """The name behind `default`; one that is not known yet becomes a model of the first."""
    if not providers:
        return wanted or SCRIPTED_MODEL
    if not wanted:
        return f"{providers[0]['name']}/{providers[0]['models'][0]['id']}"
    owner, _, rest = wanted.partition("/")
    for provider in providers:
        if owner == provider["name"] and rest:
            return _served(provider, rest)
    having = (p for p in providers if {"id": wanted} in p["models"])
    return _served(next(having, providers[0]), wanted)


def _served(provider: _Provider, model: str) -> str:
    """The full name of a model that the provider has from now on."""
    if {"id": model} not in provider["models"]:
        provider["models"] = [{"id": model}, *provider["models"]]
    return f"{provider['name']}/{model}"
