"""Tests of what an agent consists of as a whole."""

from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Offering
from codelab_operator.manifests import desired

AGENT = Agent("team", "demo", "5f0c1e1e-0000-4000-8000-000000000001", 1, Spec())


def test_the_minimal_agent_has_fifteen_children() -> None:
    kinds = [(child.key.kind, child.key.name) for child in desired(AGENT, Offering())]

    assert kinds == [
        ("ServiceAccount", "demo"),
        ("Secret", "demo-internal"),
        ("Secret", "demo-client"),
        ("NetworkPolicy", "demo-gateway"),
        ("NetworkPolicy", "demo-runtime"),
        ("NetworkPolicy", "demo-llmproxy"),
        ("NetworkPolicy", "demo-redis"),
        ("StatefulSet", "demo-redis"),
        ("Service", "demo-redis"),
        ("Service", "demo-gateway"),
        ("Deployment", "demo-gateway"),
        ("Service", "demo-runtime"),
        ("Deployment", "demo-runtime"),
        ("Service", "demo-llmproxy"),
        ("Deployment", "demo-llmproxy"),
    ]
