"""Tests of the marks on every child."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codelab_operator.api_group import HASH_ANNOTATION
from codelab_operator.intents import Draft, canonical, child, digest, present
from codelab_operator.manifests import desired
from fakes.agents import EVERYTHING, agent_of


def test_every_child_says_whose_it_is() -> None:
    for made in desired(agent_of(), EVERYTHING):
        metadata = made.manifest["metadata"]
        assert metadata["namespace"] == "team"
        assert metadata["labels"]["codelab.dev/agent"] == "demo"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "codelab-operator"
        assert metadata["ownerReferences"] == [
            {
                "apiVersion": "codelab.dev/v1beta1",
                "kind": "CodelabAgent",
                "name": "demo",
                "uid": "uid-1",
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ]


def test_a_hash_covers_everything_but_itself() -> None:
    draft = Draft("Service", "demo", "gateway", {"spec": {"a": 1}}, annotations={"note": "x"})
    made = child(agent_of(), draft)

    annotations = {**made.manifest["metadata"]["annotations"]}
    told = annotations.pop(HASH_ANNOTATION)
    bare = {**made.manifest, "metadata": {**made.manifest["metadata"], "annotations": annotations}}
    assert told == made.hash == digest(bare)
    assert annotations == {"note": "x"}


def test_nobody_else_can_say_the_hash() -> None:
    draft = Draft("Service", "demo", "gateway", {}, annotations={HASH_ANNOTATION: "mine"})

    assert (
        child(agent_of(), draft).hash
        == child(agent_of(), Draft("Service", "demo", "gateway", {})).hash
    )


def test_json_is_canonical() -> None:
    assert canonical({"b": [1, True, None], "a": "ё"}) == b'{"a":"\\u0451","b":[1,true,null]}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) == "43258cff783fe703"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
)


@settings(max_examples=500)
@given(VALUES)
@example(1e16)
@example([1e-7])
@example({"a": 6.103515625e-05})
@example({"a": 10**20, "b": None})
@example("\x7f\x00\b\u2028")
def test_json_is_the_same_whoever_writes_it(value: Any) -> None:
    try:
        plain = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return

    assert canonical(value) == plain.encode()


def test_what_is_no_number_has_no_hash() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        digest(float("nan"))


def test_what_says_nothing_is_left_out() -> None:
    found = present(a=None, b="", c=[], d={}, e=0, f=False, g="x")

    assert found == {"e": 0, "f": False, "g": "x"}
