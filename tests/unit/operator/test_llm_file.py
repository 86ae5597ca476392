"""Tests of the proxy's file: what the proxy itself reads in it."""

from typing import Any

import yaml

from codelab_core.llm_config import parse_config
from codelab_operator.api_llmproxy import LLMProxySpec
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent
from codelab_operator.llm_file import config_map, document, problems, text

KEY = {"id": "main", "secretRef": {"name": "key", "key": "api"}, "weight": 3}
SPEC = {
    "providers": [
        {
            "name": "anthropic",
            "kind": "anthropic",
            "maxConcurrent": 7,
            "keys": [KEY],
            "models": [{"id": "claude-x", "contextWindow": 200000, "prefill": True}],
        },
        {
            "name": "local",
            "kind": "ollama",
            "baseUrl": "http://ollama:11434",
            "allowPrivate": True,
            "models": [{"id": "qwen3:32b"}],
        },
    ],
    "aliases": {"default": "coder"},
    "routes": [
        {
            "name": "coder",
            "targets": [{"provider": "local", "model": "qwen3:32b", "weight": 2}],
            "largerContext": [{"provider": "anthropic", "model": "claude-x"}],
            "rescue": ["restart"],
        }
    ],
    "quotas": [{"name": "default", "requestsPerMin": 600}],
    "cache": {"enabled": True, "ttlSeconds": 60},
}


def proxy(spec: dict[str, Any]) -> LLMProxySpec:
    """The typed part of a specification."""
    return LLMProxySpec.model_validate(spec)


def test_the_proxy_reads_what_the_specification_says() -> None:
    config = parse_config(yaml.safe_load(text(proxy(SPEC))))

    anthropic, local = config.providers
    assert (anthropic.max_concurrent, anthropic.models[0].prefill) == (7, True)
    assert anthropic.keys[0].model_dump() == {
        "id": "main",
        "secret": "file:/etc/codelab/keys/anthropic/main",
        "weight": 3,
    }
    assert (local.base_url, local.allow_private) == ("http://ollama:11434", True)
    assert config.aliases == {"default": "coder"}
    assert config.routes["coder"].targets[0].weight == 2
    assert config.routes["coder"].larger_context[0].model == "claude-x"
    assert config.routes["coder"].rescue == ["restart"]
    assert config.quotas["default"].requests_per_min == 600
    assert config.cache.ttl_s == 60
    assert problems(proxy(SPEC)) == ()


def test_nothing_configured_is_no_file() -> None:
    agent = Agent("team", "demo", "uid", 1, Spec())

    assert (document(LLMProxySpec()), text(LLMProxySpec()), config_map(agent)) == ({}, "", ())
    assert problems(LLMProxySpec()) == ()


def test_an_alias_of_the_built_in_provider_needs_a_file() -> None:
    spec = proxy({"aliases": {"mine": "scripted/agent"}})

    assert parse_config(document(spec)).aliases == {"mine": "scripted/agent"}


def test_aliases_in_a_circle_are_told_with_their_place() -> None:
    found = problems(proxy({"aliases": {"a": "b", "b": "a"}}))

    assert [problem.path for problem in found] == [("aliases", "a"), ("aliases", "b")]


def test_another_content_is_another_config_map() -> None:
    names = []
    for spec in (SPEC, SPEC | {"cache": {"enabled": False}}):
        agent = Agent("team", "demo", "uid", 1, Spec.model_validate({"llmproxy": spec}))
        (child,) = config_map(agent)
        assert child.manifest["immutable"] is True
        assert child.write == "create"
        names.append(child.key.name)

    assert len(set(names)) == 2
    assert all(name.startswith("demo-llmproxy-") and len(name) == 22 for name in names)
