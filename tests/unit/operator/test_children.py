from codelab_operator.children import Child, ObjectKey, Offering, key_of
from fakes.children import agent

MANIFEST = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "demo-gateway",
        "namespace": "team",
        "annotations": {"codelab.dev/hash": "0123456789abcdef"},
    },
}


def test_an_object_is_known_by_group_kind_namespace_and_name() -> None:
    assert key_of(MANIFEST) == ObjectKey("v1", "Service", "team", "demo-gateway")


def test_a_child_tells_its_key_and_its_hash() -> None:
    child = Child(MANIFEST, "gateway")

    assert (child.key, child.hash) == (key_of(MANIFEST), "0123456789abcdef")
    assert (child.write, child.secret) == ("apply", "")


def test_children_are_named_after_their_agent() -> None:
    assert agent().child_name("gateway") == "demo-gateway"
    assert agent().child_name() == "demo"


def test_a_cluster_offers_nothing_optional_until_it_is_asked() -> None:
    assert Offering() == Offering(
        service_monitors=False, http_routes=False, operator_namespace="", is_development=False
    )
