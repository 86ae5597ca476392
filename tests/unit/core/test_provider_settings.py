import pytest

from codelab_core.provider_settings import environment_secret
from codelab_core.settings import LLMProxySettings


def test_variables_of_other_tools_are_read_without_our_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OLLAMA_HOST", "gpu:11434")
    monkeypatch.setenv("CODELAB_DEFAULT_MODEL", "gpt-x")

    settings = LLMProxySettings.load()

    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-canary"
    assert (settings.ollama_host, settings.default_model) == ("gpu:11434", "gpt-x")
    assert settings.anthropic_api_key is None


def test_they_are_shown_to_nobody_and_rendered_into_no_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")

    settings = LLMProxySettings.load(ollama_host="gpu")

    assert "sk-canary" not in repr(settings)
    assert settings.to_env() == {}


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_HOST", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, value)

    settings = LLMProxySettings.load()

    assert (settings.openai_api_key, settings.anthropic_api_key) == (None, None)
    assert (settings.ollama_host, settings.openai_base_url) == (None, None)
    assert environment_secret("OPENAI_API_KEY") is None


def test_a_secret_of_any_variable_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARE_KEY", " sk-1\n")

    found = environment_secret("SPARE_KEY")

    assert found is not None
    assert found.get_secret_value() == "sk-1"
    assert environment_secret("NO_SUCH_VARIABLE") is None
