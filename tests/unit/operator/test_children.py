"""Tests of what identifies a child."""

from typing import Any

import pytest

from codelab_operator.api_group import HASH_ANNOTATION
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Child, ObjectKey, Offering, key_of

MANIFEST = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "namespace": "team",
        "name": "demo-gateway",
        "annotations": {HASH_ANNOTATION: "0123456789abcdef"},
    },
}
UNMONITORED = {"monitoring": {"serviceMonitor": "Disabled"}}
ROUTED = {"exposure": {"httpRoute": {"parentRefs": [{"name": "edge"}], "hostnames": ["a.example"]}}}


def test_an_object_is_known_by_version_kind_namespace_and_name() -> None:
    key = ObjectKey("apps/v1", "Deployment", "team", "demo-gateway")

    assert key_of(MANIFEST) == key
    assert Child(MANIFEST, "gateway").key == key


def test_a_child_knows_the_hash_of_its_intent() -> None:
    assert Child(MANIFEST, "gateway").hash == "0123456789abcdef"


def test_children_are_named_after_their_agent() -> None:
    agent = Agent("team", "demo", "uid", 1, Spec())

    assert (agent.child_name(), agent.child_name("redis")) == ("demo", "demo-redis")


@pytest.mark.parametrize(
    ("spec", "offering", "is_lacking"),
    [
        pytest.param({}, Offering(), True, id="monitors"),
        pytest.param({}, Offering(service_monitors=True), False, id="all-there"),
        pytest.param(UNMONITORED, Offering(), False, id="none-wanted"),
        pytest.param(UNMONITORED | ROUTED, Offering(), True, id="routes"),
        pytest.param(UNMONITORED | ROUTED, Offering(http_routes=True), False, id="routes-there"),
    ],
)
def test_an_agent_may_have_a_use_for_a_kind_that_is_not_served(
    spec: dict[str, Any], offering: Offering, *, is_lacking: bool
) -> None:
    agent = Agent("team", "demo", "uid", 1, Spec.model_validate(spec))

    assert offering.lacks(agent) is is_lacking
