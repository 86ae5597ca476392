"""Tests of what identifies a child."""

from codelab_operator.api_group import HASH_ANNOTATION
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Child, ObjectKey, key_of

MANIFEST = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "namespace": "team",
        "name": "demo-gateway",
        "annotations": {HASH_ANNOTATION: "0123456789abcdef"},
    },
}


def test_an_object_is_known_by_version_kind_namespace_and_name() -> None:
    key = ObjectKey("apps/v1", "Deployment", "team", "demo-gateway")

    assert key_of(MANIFEST) == key
    assert Child(MANIFEST, "gateway").key == key


def test_a_child_knows_the_hash_of_its_intent() -> None:
    assert Child(MANIFEST, "gateway").hash == "0123456789abcdef"


def test_children_are_named_after_their_agent() -> None:
    agent = Agent("team", "demo", "uid", 1, Spec())

    assert (agent.child_name(), agent.child_name("redis")) == ("demo", "demo-redis")
