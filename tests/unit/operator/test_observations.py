"""What is known of the cluster: the later version wins, and what we deleted stays away."""

import tracemalloc
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.api_group import AGENT_LABEL, GROUP_VERSION, KIND
from codelab_operator.children import ObjectKey, Outline
from codelab_operator.observations import AgentKey, Observations, Sighting, sighting

A = AgentKey("ns", "a")


def service(version: int, uid: str = "u1", agent: str = "a", text: str = "") -> Sighting:
    """A Service of an agent, at some version."""
    labels = {AGENT_LABEL: agent} if agent else {}
    metadata = {"name": "s", "namespace": "ns", "uid": uid, "resourceVersion": str(version)}
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "text": text}
    return sighting(body | {"metadata": metadata | {"labels": labels, "managedFields": [1]}})


def agent() -> Sighting:
    """The agent itself."""
    metadata = {"name": "a", "namespace": "ns", "uid": "cr", "resourceVersion": "1"}
    return sighting({"apiVersion": GROUP_VERSION, "kind": KIND, "metadata": metadata})


def test_an_agent_is_observed_with_its_children_and_without_managed_fields() -> None:
    known = Observations()
    known.put(agent())
    known.put(service(2))

    observed = known.observe(A)

    assert observed.resource is not None
    assert observed.resource["metadata"]["name"] == "a"
    assert [m["metadata"].get("managedFields") for m in observed.children.values()] == [None]
    assert list(known.agents()) == [A]
    assert len(known) == 2


def test_an_object_takes_little_more_memory_than_its_text() -> None:
    tracemalloc.start()

    kept = [service(number, text="x" * 2000) for number in range(100)]
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert taken < sum(len(one.head) + len(one.rest) + 600 for one in kept)


def test_an_older_version_of_an_object_never_replaces_a_newer_one() -> None:
    known = Observations()

    assert known.put(service(5, text="own write"))
    assert not known.put(service(4, text="late event"))
    assert not known.put(service(5, text="echo"))

    assert known.observe(A).children[service(5).key]["text"] == "own write"


def test_a_successor_of_the_same_name_replaces_its_predecessor_and_not_the_reverse() -> None:
    known = Observations()
    known.put(service(5, "u1"))

    assert known.put(service(9, "u2"))
    assert not known.put(service(6, "u1"))
    assert not known.drop(service(6).key, "u1")
    assert known.get(service(9).key) == service(9, "u2")


def test_what_we_deleted_is_not_brought_back_by_late_events() -> None:
    known = Observations()
    known.put(service(5))

    known.deleted(service(5).key, "u1")
    late = known.put(service(6))
    ended = known.drop(service(6).key, "u1")
    reborn = known.put(service(9, "u2"))

    assert (late, ended, reborn) == (False, False, True)


def test_a_deletion_of_what_is_not_known_changes_nothing() -> None:
    known = Observations()

    known.deleted(service(5).key, "u1")

    assert known.put(service(5))


def test_a_child_that_moves_to_another_agent_leaves_the_first() -> None:
    known = Observations()
    known.put(service(1))

    known.put(service(2, agent="b"))

    assert known.observe(A).children == {}
    assert len(known.observe(AgentKey("ns", "b")).children) == 1
    assert known.of_kind("v1", "Service") == [service(2, agent="b")]
    assert known.of_kind("v1", "Service", "other") == []


def test_other_children_stay_when_one_goes() -> None:
    known = Observations()
    known.put(service(1))
    other = service(2, "u2")._replace(key=service(1).key._replace(name="t"))
    known.put(other)

    known.drop(service(1).key, "u1")

    assert list(known.observe(A).children) == [other.key]


def test_an_object_without_label_belongs_to_no_agent() -> None:
    known = Observations()

    known.put(service(1, agent=""))

    assert known.observe(A).children == {}
    assert known.drop(service(1).key, "u1")


def changed(manifest: dict[str, Any], version: int, **metadata: Any) -> Sighting:
    """A later version of an object."""
    kept = manifest["metadata"] | {"resourceVersion": str(version)} | metadata
    return sighting(manifest | {"metadata": kept})


WHOLE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "ns", "uid": "u", "labels": {AGENT_LABEL: "a"}},
    "spec": {"replicas": 2, "paused": True},
    "status": {"replicas": 1},
}


def compared(version: int = 5) -> Observations:
    """A Deployment that was compared with its intent."""
    known = Observations()
    seen = changed(WHOLE, version)
    known.put(seen)
    known.confirm(replace(known.observe(A), meant={seen.key: "hash"}))
    return known


def only(known: Observations) -> tuple[dict[str, Any], str]:
    """The one child: its manifest, and the hash of the intent that it is known to hold."""
    observed = known.observe(A)
    ((key, manifest),) = observed.children.items()
    return dict(manifest), observed.meant.get(key, "")


def test_what_was_compared_is_kept_as_far_as_statuses_tell_it() -> None:
    manifest, meant = only(compared())

    assert meant == "hash"
    assert manifest["metadata"]["uid"] == "u"
    assert manifest["status"] == {"replicas": 1}
    assert manifest["spec"]["replicas"] == 2
    assert "paused" not in manifest["spec"]


def test_a_new_status_needs_no_new_comparison() -> None:
    known = compared()

    known.put(changed(WHOLE | {"status": {"replicas": 2}}, 6, generation=2))

    manifest, meant = only(known)
    assert (manifest["status"], meant) == ({"replicas": 2}, "hash")
    assert "paused" not in manifest["spec"]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(changed(WHOLE | {"spec": {"replicas": 3}}, 6), id="specification"),
        pytest.param(changed(WHOLE, 6, labels={AGENT_LABEL: "a", "x": "y"}), id="label"),
        pytest.param(changed(WHOLE, 6, annotations={"x": "y"}), id="annotation"),
        pytest.param(changed(WHOLE, 6, deletionTimestamp="now"), id="deletion"),
        pytest.param(changed(WHOLE, 6, uid="v"), id="successor"),
        pytest.param(changed(WHOLE | {"data": {"a": "b"}}, 6), id="another-field"),
    ],
)
def test_what_changed_is_kept_whole_until_it_is_compared(later: Sighting) -> None:
    known = compared()

    known.put(later)

    manifest, meant = only(known)
    assert meant == ""
    assert manifest["spec"] == orjson.loads(later.rest)["spec"]


def test_the_number_of_a_roll_is_no_change_of_a_deployment_and_one_of_anything_else() -> None:
    revision = {"deployment.kubernetes.io/revision": "2"}
    rolled = changed(WHOLE, 6, annotations=revision)

    assert rolled.content == changed(WHOLE, 5, annotations={}).content
    service = WHOLE | {"kind": "Service"}
    assert changed(service, 6, annotations=revision).content != changed(service, 5).content


def test_a_version_that_is_not_the_latest_confirms_nothing() -> None:
    known = Observations()
    known.put(changed(WHOLE, 5))
    known.put(service(1))
    observed = known.observe(A)

    known.put(changed(WHOLE, 6))
    known.drop(service(1).key, "u1")
    known.confirm(replace(observed, meant=dict.fromkeys(observed.children, "hash")))

    assert only(known)[1] == ""


def test_children_hold_what_is_wanted_when_all_and_no_others_are_as_meant() -> None:
    key = changed(WHOLE, 5).key
    wanted = Outline(key, "hash", "gateway")
    secret = Outline(ObjectKey("v1", "Secret", "ns", "x"), "other", "shared")
    observed = compared().observe(A)

    assert observed.holds([wanted, secret])
    assert not observed.holds([])
    assert not observed.holds([wanted._replace(hash="other")])
    assert not observed.holds([wanted, wanted._replace(key=key._replace(name="e"))])
    crowded = compared()
    crowded.put(service(7))
    assert not crowded.observe(A).holds([wanted])


@settings(max_examples=200)
@given(st.permutations(range(1, 7)))
def test_in_whatever_order_versions_arrive_the_last_one_stays(versions: list[int]) -> None:
    known = Observations()

    for version in versions:
        known.put(service(version))

    latest = known.get(service(1).key)
    assert latest is not None
    assert latest.version == 6
