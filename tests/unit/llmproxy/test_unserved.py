from typing import Any

import pytest

from codelab_core.llm_config import parse_config
from codelab_llmproxy.unserved import unserved_fields
from harness.providers import provider

TARGET = {"provider": "real", "model": "m-1"}


def unserved(route: dict[str, Any], **fields: Any) -> list[str]:
    routes = {"coder": {"targets": [TARGET], **route}}
    models = [{"id": "m-1"}, {"id": "m-2"}]
    base = {"version": 1, "providers": [provider("ollama", "http://gpu", models=models)]}
    return unserved_fields(parse_config({**base, "routes": routes, **fields}))


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ({}, []),
        ({"rescue": []}, []),
        ({"rescue": ["restart"]}, []),
        ({"rescue": ["continue", "restart"]}, ["routes.coder.rescue"]),
        ({"hold_tool_calls": True}, ["routes.coder.hold_tool_calls"]),
        ({"larger_context": [TARGET | {"model": "m-2"}]}, []),
        (
            {"targets": [TARGET, TARGET | {"model": "m-2", "priority": 1}]},
            [],
        ),
    ],
)
def test_fields_of_a_route(route: dict[str, Any], found: list[str]) -> None:
    assert unserved(route) == found


def test_the_rest_of_a_file() -> None:
    able = provider("ollama", "http://gpu", models=[{"id": "m-1", "prefill": True}])

    found = unserved({}, providers=[able], quotas={"default": {}}, cache={"enabled": True})

    assert found == ["providers.real.models.m-1.prefill", "quotas.default", "cache.enabled"]
