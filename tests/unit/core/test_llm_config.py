from copy import deepcopy
from typing import Any

import pytest

from codelab_core.llm_config import (
    ANTHROPIC_URL,
    ClocksConfig,
    LLMConfigError,
    ModelConfig,
    parse_config,
)

KEY = {"id": "main", "secret": "file:/etc/keys/main"}
GOOD: dict[str, Any] = {
    "version": 1,
    "providers": [
        {
            "name": "anthropic",
            "kind": "anthropic",
            "keys": [{**KEY, "weight": 3}, {"id": "spare", "secret": "env:SPARE"}],
            "models": [
                {
                    "id": "claude-x",
                    "context_window": 200_000,
                    "max_output": 64_000,
                    "default_max_tokens": 8_192,
                    "thinking": True,
                    "clocks": {"idle_s": 45},
                }
            ],
        },
        {
            "name": "local",
            "kind": "ollama",
            "base_url": "http://ollama:11434/",
            "allow_private": True,
            "models": [{"id": "qwen3:32b"}],
        },
        {
            "name": "openai",
            "kind": "openai-compatible",
            "base_url": "https://api.openai.com/v1",
            "keys": [KEY],
            "models": [{"id": "gpt-long"}],
        },
        {"name": "scripted", "kind": "scripted"},
    ],
    "aliases": {"default": "coder"},
    "routes": {
        "coder": {
            "targets": [
                {"provider": "anthropic", "model": "claude-x", "weight": 3},
                {"provider": "local", "model": "qwen3:32b", "priority": 1},
            ],
            "larger_context": [{"provider": "openai", "model": "gpt-long"}],
            "rescue": ["continue", "restart"],
        }
    },
    "quotas": {"default": {"requests_per_min": 600, "on_redis_loss": "closed"}},
    "cache": {"enabled": True, "ttl_s": 60},
}


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The good document with one value changed; `None` takes it away."""
    document = deepcopy(GOOD)
    parent: Any = document
    for step in path[:-1]:
        parent = parent[step]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return document


def problems(document: object) -> list[str]:
    with pytest.raises(LLMConfigError) as caught:
        parse_config(document)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


def test_a_whole_configuration_is_taken() -> None:
    config = parse_config(GOOD)

    assert [provider.base_url for provider in config.providers] == [
        ANTHROPIC_URL,
        "http://ollama:11434",
        "https://api.openai.com/v1",
        None,
    ]
    assert config.providers[0].models[0].clocks == ClocksConfig(idle_s=45.0)
    assert config.routes["coder"].rescue == ["continue", "restart"]
    assert parse_config(config.model_dump(exclude_none=True)) == config


def test_what_is_not_said_has_a_default() -> None:
    config = parse_config({"version": 1, "providers": [{"name": "scripted", "kind": "scripted"}]})

    assert (config.aliases, config.routes, config.cache.enabled) == ({}, {}, False)
    assert ModelConfig(id="m").parallel_tool_calls


BAD: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "version": (("version",), 2, "version: "),
    "no-version": (("version",), None, "version: this is missing"),
    "unknown-top": (("models",), [], "models: there is no such field"),
    "unknown-deep": (
        ("providers", 0, "models", 0, "thinks"),
        True,
        "providers[0].models[0].thinks: there is no such field",
    ),
    "no-providers": (("providers",), [], "providers: "),
    "kind": (("providers", 0, "kind"), "azure", "providers[0].kind: "),
    "name": (("providers", 0, "name"), "My Provider", "providers[0].name: "),
    "name-twice": (("providers", 1, "name"), "openai", "providers[2].name: "),
    "no-url": (("providers", 2, "base_url"), None, "providers[2].base_url: a provider of kind"),
    "http": (
        ("providers", 2, "base_url"),
        "http://api.openai.com/v1",
        "providers[2].base_url: http:// needs allow_private: true",
    ),
    "userinfo": (
        ("providers", 2, "base_url"),
        "https://me:pw@host/v1",
        "providers[2].base_url: an address holds no user and no password; use keys",
    ),
    "query": (("providers", 2, "base_url"), "https://h/v1?key=x", "providers[2].base_url: "),
    "fragment": (("providers", 2, "base_url"), "https://h/v1#x", "providers[2].base_url: "),
    "blank": (("providers", 2, "base_url"), "https://h/v 1", "providers[2].base_url: "),
    "scheme": (("providers", 2, "base_url"), "ftp://h", "providers[2].base_url: "),
    "port": (("providers", 2, "base_url"), "https://h:99999", "providers[2].base_url: "),
    "no-port": (("providers", 2, "base_url"), "https://h:0", "providers[2].base_url: "),
    "scripted-url": (("providers", 3, "base_url"), "https://h", "providers[3].base_url: "),
    "scripted-keys": (("providers", 3, "keys"), [KEY], "providers[3].keys: "),
    "scripted-models": (("providers", 3, "models"), [{"id": "m"}], "providers[3].models: "),
    "scripted-name": (
        ("providers", 3, "name"),
        "x",
        "providers[3].name: the scripted provider, an",
    ),
    "not-scripted": (("providers", 1, "name"), "scripted", "providers[1].name: the scripted provi"),
    "no-keys": (("providers", 2, "keys"), [], "providers[2].keys: a provider of kind"),
    "no-models": (("providers", 1, "models"), [], "providers[1].models: a provider needs models"),
    "secret": (("providers", 2, "keys", 0, "secret"), "sk-1", "providers[2].keys[0].secret: "),
    "secret-path": (("providers", 2, "keys", 0, "secret"), "file:x", "providers[2].keys[0].sec"),
    "key-twice": (("providers", 0, "keys", 1, "id"), "main", "providers[0].keys[1].id: "),
    "weight": (("providers", 2, "keys", 0, "weight"), 0, "providers[2].keys[0].weight: "),
    "target-weight": (
        ("routes", "coder", "targets", 0, "weight"),
        -1,
        "routes.coder.targets[0].weight: ",
    ),
    "window": (("providers", 0, "models", 0, "context_window"), 0, "providers[0].models[0].con"),
    "output": (("providers", 0, "models", 0, "max_output"), 10, "providers[0].models[0]: default"),
    "text": (("providers", 0, "models", 0, "thinking"), "yes", "providers[0].models[0].thinking"),
    "clock": (("providers", 0, "models", 0, "clocks", "idle_s"), 0, "providers[0].models[0].clo"),
    "alias": (("aliases", "x"), "y", "aliases.x: 'y' is no route and no model"),
    "empty-route": (("routes", "coder", "targets"), [], "routes.coder.targets: "),
    "route-name": (("routes", "A B"), {"targets": []}, "routes.A B: "),
    "target": (
        ("routes", "coder", "targets", 0, "model"),
        "none",
        "routes.coder.targets[0].model: anthropic has no model 'none'",
    ),
    "rescue": (("routes", "coder", "rescue"), ["hope"], "routes.coder.rescue[0]: "),
    "quota": (("quotas", "default", "requests_per_min"), 0, "quotas.default.requests_per_min: "),
    "cache": (("cache", "ttl_s"), 0, "cache.ttl_s: "),
}


@pytest.mark.parametrize(("path", "value", "start"), BAD.values(), ids=BAD.keys())
def test_what_could_not_work_is_refused_with_its_place(
    path: tuple[Any, ...], value: Any, start: str
) -> None:
    """P-12, regression 26."""
    found = problems(changed(path, value))

    assert any(problem.startswith(start) for problem in found), found


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_a_document_that_is_no_mapping_is_refused(document: object) -> None:
    assert len(problems(document)) == 1


def test_no_value_is_repeated_in_a_problem() -> None:
    document = changed(("providers", 2, "keys", 0, "secret"), "sk-canary")
    document["providers"][0]["base_url"] = "https://canary@host"
    document["providers"][1]["canary"] = "canary-value"

    found = "\n".join(problems(document))

    assert "sk-canary" not in found
    assert "canary@" not in found
    assert "canary-value" not in found
