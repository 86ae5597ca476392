from typing import Any

import pytest
from pydantic import ValidationError

from codelab_core.settings import GatewaySettings, LLMProxySettings, RuntimeSettings
from codelab_core.settings_marks import Offered
from codelab_operator.api_config import (
    GATEWAY_CONFIG,
    LLMPROXY_CONFIG,
    RUNTIME_CONFIG,
    chosen,
    wire_name,
)

PAIRS = [
    (GATEWAY_CONFIG, GatewaySettings),
    (RUNTIME_CONFIG, RuntimeSettings),
    (LLMPROXY_CONFIG, LLMProxySettings),
]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("session_ttl_s", "sessionTtlSeconds"),
        ("lease_ms", "leaseMs"),
        ("max_turns", "maxTurns"),
        ("approval_rules", "approvalRules"),
    ],
)
def test_a_setting_has_its_unit_in_words(field: str, expected: str) -> None:
    assert wire_name(field) == expected


@pytest.mark.parametrize(("config", "settings"), PAIRS)
def test_exactly_the_offered_settings_can_be_said(config: Any, settings: Any) -> None:
    offered = {
        name
        for name, field in settings.model_fields.items()
        if any(isinstance(mark, Offered) for mark in field.metadata)
    }

    assert set(config.model_fields) == offered
    assert all(field.description for field in config.model_fields.values())


@pytest.mark.parametrize(("config", "settings"), PAIRS)
def test_nothing_said_means_the_services_own_defaults(config: Any, settings: Any) -> None:
    assert chosen(config()) == {}
    assert chosen(config.model_validate({"later": 1})) == {}


def test_what_is_said_is_named_as_the_settings_name_it() -> None:
    config = RUNTIME_CONFIG.model_validate({"sessionTtlSeconds": 3600, "maxTurns": 2})

    assert chosen(config) == {"session_ttl_s": 3600, "max_turns": 2}


@pytest.mark.parametrize("config", [{"leaseMs": 1}, {"sessionTtlSeconds": "3600"}, {"maxTurns": 0}])
def test_bounds_are_those_of_the_settings(config: Any) -> None:
    with pytest.raises(ValidationError):
        RUNTIME_CONFIG.model_validate(config)
