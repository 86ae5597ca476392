from typing import Any

import pytest
from pydantic import ValidationError

from codelab_operator.api_llmproxy import Cache, LLMProxySpec, Provider, Route


def test_the_built_in_provider_needs_no_key_and_no_network() -> None:
    spec = LLMProxySpec()

    assert spec.providers == [Provider(name="scripted", kind="scripted")]
    assert (spec.cache, spec.routes, spec.client_keys_secret_name) == (Cache(), None, None)


def test_targets_share_alike_unless_told_otherwise() -> None:
    route = Route.model_validate({"name": "r", "targets": [{"provider": "a", "model": "m"}]})

    assert (route.targets[0].priority, route.targets[0].weight) == (0, 1)
    assert (route.rescue, route.hold_tool_calls) == (None, False)


@pytest.mark.parametrize(
    "spec",
    [
        {"providers": [{"name": f"p{n}", "kind": "scripted"} for n in range(17)]},
        {"providers": [{"name": "A", "kind": "scripted"}]},
        {"providers": [{"name": "a", "kind": "anthropic", "keys": [{"id": "main"}]}]},
        {"providers": [{"name": "a", "kind": "scripted", "models": [{"id": "a b"}]}]},
        {"routes": [{"name": "r", "targets": [{"provider": "a", "model": "m"}] * 9}]},
        {"routes": [{"name": "r"}]},
        {"quotas": [{"name": "default", "onRedisLoss": "maybe"}]},
        {"quotas": [{"name": "default", "requestsPerMin": 0}]},
        {"cache": {"ttlSeconds": 0}},
        {"aliases": {f"a{n}": "m" for n in range(65)}},
    ],
    ids=lambda spec: str(spec)[:60],
)
def test_bounds_of_the_llm_proxy_hold(spec: Any) -> None:
    with pytest.raises(ValidationError):
        LLMProxySpec.model_validate(spec)
