"""Tests of what differs between the components."""

from codelab_operator.children import Offering
from codelab_operator.components import components
from fakes.agents import agent_of


def test_each_component_has_its_port_and_its_grace() -> None:
    made = components(agent_of(runtime={"drainSeconds": 60}), Offering())

    assert [(one.name, one.port, one.grace_seconds) for one in made] == [
        ("gateway", 8000, 40),
        ("runtime", 8001, 75),
        ("llmproxy", 8002, 40),
    ]


def test_an_edit_of_a_provider_touches_the_proxy_alone() -> None:
    provider = {"name": "local", "kind": "ollama", "baseUrl": "https://o", "models": [{"id": "m"}]}

    before = components(agent_of(), Offering())
    after = components(agent_of(llmproxy={"providers": [provider]}), Offering())

    assert [old == new for old, new in zip(before[:2], after[:2], strict=True)] == [True, True]
    assert before[2] != after[2]
