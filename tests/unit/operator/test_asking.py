"""Whom to ask for `/health`, and how often."""

from typing import Any

import pytest

from codelab_operator.asking import (
    SETTLED_S,
    UNSETTLED_S,
    Asking,
    asking,
    heard,
    remembered,
)
from codelab_operator.findings import Health
from fakes.children import agent

SCRIPTED = {"name": "s", "kind": "scripted"}
EXTERNAL = {"external": {"url": "redis://r"}}
OUTSIDE = {"providers": [{"name": "o", "kind": "ollama", "baseUrl": "https://o"}]}


def status(*, ready: int = 1, providers: str = "True") -> dict[str, Any]:
    """A status of a Ready agent with so many pods of the proxy."""
    return {
        "conditions": [
            {"type": "Ready", "status": "True"},
            {"type": "ProvidersReady", "status": providers},
        ],
        "components": [{"name": "llmproxy", "ready": ready}],
    }


@pytest.mark.parametrize(
    ("spec", "told", "expected"),
    [
        pytest.param({}, {}, Asking(), id="nothing-there-yet"),
        pytest.param({"llmproxy": OUTSIDE}, status(ready=0), Asking((), SETTLED_S), id="no-pods"),
        pytest.param(
            {"llmproxy": OUTSIDE}, status(providers="Unknown"), Asking(("llmproxy",)), id="unheard"
        ),
        pytest.param({}, status(), Asking((), SETTLED_S), id="built-in"),
        pytest.param(
            {"llmproxy": OUTSIDE}, status(), Asking(("llmproxy",), SETTLED_S), id="outside"
        ),
        pytest.param({"redis": EXTERNAL}, {}, Asking(("runtime",)), id="store-before-pods"),
        pytest.param(
            {"redis": EXTERNAL},
            status(),
            Asking(("runtime",), SETTLED_S),
            id="store-of-somebody-else",
        ),
    ],
)
def test_only_what_nobody_else_says_is_asked(
    spec: dict[str, Any], told: dict[str, Any], expected: Asking
) -> None:
    asked = asking(agent(**spec), told)

    assert asked == expected
    assert asked.is_settled == (expected.span_s > UNSETTLED_S)


def test_a_built_in_provider_is_well_while_there_is_a_pod() -> None:
    mixed = agent(llmproxy={"providers": [*OUTSIDE["providers"], SCRIPTED]})

    made = [
        heard(mixed, Health(), has_proxy=True),
        heard(mixed, Health(llmproxy={"o": "timeout"}), has_proxy=True),
        heard(mixed, Health(llmproxy={"o": "ok"}), has_proxy=False),
    ]

    assert [one.llmproxy for one in made] == [{"s": "ok"}, {"s": "ok", "o": "timeout"}, None]


def test_an_empty_status_remembers_nothing() -> None:
    assert remembered({}) == Health()


def test_a_status_remembers_what_services_said() -> None:
    told = {
        "providers": [
            {"name": "a", "state": "ok"},
            {"name": "b", "state": "timeout", "message": "timeout"},
            {"name": "c", "state": "error", "message": "key missing"},
        ],
        "conditions": [{"type": "RedisReady", "status": "True"}],
    }

    assert remembered(told) == Health(
        {"redis": "ok"}, {"a": "ok", "b": "timeout", "c": "error: key missing"}
    )
