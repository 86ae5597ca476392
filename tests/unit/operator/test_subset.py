from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.subset import differences

SAME = [
    pytest.param({"a": 1}, {"a": 1, "b": 2}, id="a-foreign-field"),
    pytest.param(
        {"metadata": {"labels": {"x": "1"}}},
        {"metadata": {"labels": {"x": "1", "theirs": "2"}, "uid": "u"}},
        id="a-foreign-label",
    ),
    pytest.param(
        {"containers": [{"name": "own", "image": "a"}]},
        {"containers": [{"name": "sidecar"}, {"name": "own", "image": "a", "stdin": False}]},
        id="an-injected-sidecar",
    ),
    pytest.param(
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]},
        id="reordered-variables",
    ),
    pytest.param({"env": [{"name": "A", "value": ""}]}, {"env": [{"name": "A"}]}, id="empty-text"),
    pytest.param({"a": []}, {}, id="empty-list"),
    pytest.param({"a": None}, {}, id="nothing"),
    pytest.param({"cpu": "0.5"}, {"cpu": "500m"}, id="quantity-in-another-form"),
    pytest.param({"memory": "1024Mi"}, {"memory": "1Gi"}, id="memory-in-another-form"),
    pytest.param({"cpu": 2}, {"cpu": "2"}, id="quantity-as-a-number"),
    pytest.param(
        {"ports": [{"port": 8000, "protocol": "TCP"}]},
        {"ports": [{"port": 8000, "protocol": "TCP", "nodePort": 31000}]},
        id="assigned-node-port",
    ),
    pytest.param(
        {"ports": [{"containerPort": 8000}]},
        {"ports": [{"containerPort": 8000, "protocol": "TCP"}]},
        id="defaulted-protocol",
    ),
    pytest.param(
        {"volumeClaimTemplates": [{"metadata": {"name": "store"}}]},
        {"volumeClaimTemplates": [{"metadata": {"name": "store"}, "status": {"phase": "Pending"}}]},
        id="defaults-in-a-plain-list",
    ),
    pytest.param(
        {"ingress": [{"from": [], "ports": [{"port": 1}]}]},
        {"ingress": [{"ports": [{"port": 1}]}]},
        id="what-the-server-does-not-store",
    ),
    pytest.param({"volumeMounts": ["odd"]}, {"volumeMounts": ["odd"]}, id="items-that-are-no-map"),
]

OTHER = [
    pytest.param({"a": 1}, {"a": 2}, ["/a"], id="another-value"),
    pytest.param({"a": 1}, {}, ["/a"], id="a-missing-value"),
    pytest.param({"a": True}, {"a": 1}, ["/a"], id="one-is-not-true"),
    pytest.param({"a": False}, {}, ["/a"], id="false-is-not-absent"),
    pytest.param({"a": {}}, {}, ["/a"], id="an-empty-map-means-something"),
    pytest.param({"a": [1, 2]}, {"a": [2, 1]}, ["/a/0", "/a/1"], id="another-order"),
    pytest.param({"a": [1]}, {"a": [1, 2]}, ["/a"], id="a-longer-list"),
    pytest.param({"a": [1]}, {"a": "1"}, ["/a"], id="no-list"),
    pytest.param({"a": {"b": 1}}, {"a": "b"}, ["/a"], id="no-map"),
    pytest.param(
        {"annotations": {"codelab.dev/x~y": "1"}}, {"annotations": {}},
        ["/annotations/codelab.dev~1x~0y"], id="a-name-with-a-slash",
    ),
    pytest.param(
        {"containers": [{"name": "own", "image": "a"}]},
        {"containers": [{"name": "own", "image": "b"}]},
        ["/containers/own/image"], id="an-edited-image",
    ),
    pytest.param(
        {"containers": [{"name": "own"}]}, {"containers": [{"name": "other"}]},
        ["/containers/own"], id="a-lost-container",
    ),
    pytest.param(
        {"ports": [{"port": 1, "protocol": "TCP"}]}, {"ports": [{"port": 1, "protocol": "UDP"}]},
        ["/ports/1,TCP"], id="another-protocol",
    ),
    pytest.param(
        {"selector": {"a": "1"}}, {"selector": {"a": "1", "b": "2"}},
        ["/selector"], id="a-narrower-selector",
    ),
    pytest.param(
        {"egress": [{"ports": [{"port": 1}]}]}, {"egress": [{"ports": [{"port": 1}], "to": [{}]}]},
        ["/egress"], id="another-rule",
    ),
    pytest.param({"cpu": "500m"}, {"cpu": "400m"}, ["/cpu"], id="another-amount"),
    pytest.param({"cpu": "500m"}, {"cpu": "much"}, ["/cpu"], id="no-amount"),
    pytest.param({"size": "1Gi"}, {"size": "1024Mi"}, ["/size"], id="text-that-is-no-quantity"),
]  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "env", "ports", "selector", "cpu"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(("intent", "live"), SAME)
def test_what_we_did_not_say_is_no_difference(intent: Any, live: Any) -> None:
    assert list(differences(intent, live)) == []


@pytest.mark.parametrize(("intent", "live", "paths"), OTHER)
def test_what_we_said_and_is_not_so_is_named(intent: Any, live: Any, paths: list[str]) -> None:
    assert list(differences(intent, live)) == paths


@settings(max_examples=200)
@given(JSON)
def test_everything_is_a_subset_of_itself(value: Any) -> None:
    assert list(differences(value, value)) == []


@settings(max_examples=200)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.text(max_size=3), JSON)
def test_a_field_more_is_never_drift(intent: dict[str, Any], name: str, value: Any) -> None:
    live = {name: value} | intent

    assert list(differences(intent, live)) == []
