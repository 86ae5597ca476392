from typing import Any

import pytest

from codelab_core.settings import LLMProxySettings, SettingsError
from codelab_llmproxy.default_config import default_config
from codelab_llmproxy.known_models import known_models

KNOWN = known_models()


def found(**fields: Any) -> tuple[list[tuple[str, str | None, bool]], str]:
    """Name, address and freedom of each provider, and what is behind `default`."""
    config = default_config(LLMProxySettings.exactly(**fields), KNOWN)
    assert config.aliases["auto"] == config.aliases["default"]
    providers = [(p.name, p.base_url, p.allow_private) for p in config.providers]
    return providers, config.aliases["default"]


SCRIPTED = ("scripted", None, False)
OPENAI = ("openai", "https://api.openai.com/v1", False)
ANTHROPIC = ("anthropic", "https://api.anthropic.com", False)
FIRST_OPENAI = f"openai/{KNOWN.of('openai-compatible')[0].id}"


def test_without_a_key_there_is_the_scripted_provider_alone() -> None:
    assert found() == ([SCRIPTED], "scripted/agent")
    assert found(default_model="echo") == ([SCRIPTED], "echo")


def test_the_first_provider_of_the_environment_is_the_default() -> None:
    keys = {"openai_api_key": "k", "anthropic_api_key": "k", "ollama_host": "gpu"}

    assert found(**keys) == (
        [OPENAI, ANTHROPIC, ("ollama", "http://gpu:11434", True), SCRIPTED],
        FIRST_OPENAI,
    )
    assert found(anthropic_api_key="k")[1] == f"anthropic/{KNOWN.of('anthropic')[0].id}"


def test_the_scripted_model_stands_in_only_where_a_setting_says_so() -> None:
    """P-10, X-14."""
    fields = LLMProxySettings.exactly(openai_api_key="k", scripted_fallback=True)
    config = default_config(fields, KNOWN)

    assert config.aliases == {"auto": "default"}
    assert [(t.provider, t.model, t.priority) for t in config.routes["default"].targets] == [
        ("openai", FIRST_OPENAI.removeprefix("openai/"), 0),
        ("scripted", "scripted/agent", 1),
    ]
    assert found(scripted_fallback=True) == ([SCRIPTED], "scripted/agent")


def test_an_own_server_may_be_private_and_without_a_key() -> None:
    providers, _ = found(openai_base_url="http://localhost:1234/v1/")

    assert providers[0] == ("openai", "http://localhost:1234/v1", True)


def test_an_own_server_of_anthropic_s_dialect() -> None:
    providers, _ = found(anthropic_api_key="k", anthropic_base_url="http://gate:1")

    assert providers[0] == ("anthropic", "http://gate:1", True)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost", "http://localhost:11434"),
        ("gpu:1234", "http://gpu:1234"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 -- a value that servers are given
        ("0.0.0.0:99", "http://127.0.0.1:99"),
        ("::", "http://[::1]:11434"),
        ("[fd00::1]:80", "http://[fd00::1]:80"),
        (":99", "http://127.0.0.1:99"),
        ("http://gpu/", "http://gpu:11434"),
        ("https://ollama.example.org", "https://ollama.example.org:443"),
        ("https://gate/ollama", "https://gate:443/ollama"),
    ],
)
def test_the_address_of_ollama_is_read_as_its_own_programs_do(host: str, url: str) -> None:
    """P-11."""
    assert found(ollama_host=host)[0][0] == ("ollama", url, True)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("claude-haiku-4-5", "anthropic/claude-haiku-4-5", id="known"),
        pytest.param("anthropic/claude-x", "anthropic/claude-x", id="with-provider"),
        pytest.param("gpt-99", "openai/gpt-99", id="new"),
        pytest.param("meta/llama-5", "openai/meta/llama-5", id="with-slash"),
    ],
)
def test_another_default_model_can_be_named(wanted: str, expected: str) -> None:
    keys = {"openai_api_key": "k", "anthropic_api_key": "k"}

    assert found(default_model=wanted, **keys)[1] == expected


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"openai_base_url": "ftp://x"}, "OPENAI_BASE_URL: "),
        ({"anthropic_api_key": "k", "anthropic_base_url": "x"}, "ANTHROPIC_BASE_URL: "),
        ({"ollama_host": "gpu:port"}, "OLLAMA_HOST: "),
        ({"ollama_host": "http://a b"}, "OLLAMA_HOST: "),
        ({"default_model": "no such"}, "CODELAB_DEFAULT_MODEL: "),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(fields: dict[str, str], start: str) -> None:
    with pytest.raises(SettingsError) as caught:
        found(**fields)

    assert str(caught.value).startswith(start)
