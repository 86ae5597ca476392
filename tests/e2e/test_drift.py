"""Children that somebody deletes or edits are put right; what is not ours stays as it is."""

from typing import Any

import pytest

from harness.cluster_api import Api, Seen
from harness.kubernetes import Cluster, Manifest, condition, small

pytestmark = pytest.mark.timeout(240)
SLOWEST_S = 5.0
"""Five times the promise of a second: the machine has other things to do."""
SERVICES = ("gateway", "runtime", "llmproxy")
DELETED = [
    *(f"services/one-{name}" for name in (*SERVICES, "redis")),
    *(f"networkpolicies/one-{name}" for name in (*SERVICES, "redis")),
    "serviceaccounts/one",
    *(f"deployments/one-{name}" for name in SERVICES),
    "statefulsets/one-redis",
]
CONTAINER = "/spec/template/spec/containers/0"
MANAGED_BY = "/metadata/labels/app.kubernetes.io~1managed-by"
PART_OF = "/metadata/labels/app.kubernetes.io~1part-of"
EDITS = {
    "image": ("deployments/one-gateway", f"{CONTAINER}/image", "codelab/gateway:other"),
    "variable": ("deployments/one-runtime", f"{CONTAINER}/env/0/value", "other"),
    "port": ("services/one-gateway", "/spec/ports/0/port", 9999),
    "selector": ("services/one-runtime", "/spec/selector/app.kubernetes.io~1component", "other"),
    "label": ("services/one-llmproxy", MANAGED_BY, "somebody"),
    "label-of-pods": ("deployments/one-llmproxy", MANAGED_BY, "somebody"),
}


def at(manifest: Manifest, pointer: str) -> Any:
    """The value at a JSON pointer."""
    value: Any = manifest
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/")
        value = value[int(name)] if isinstance(value, list) else value.get(name)
    return value


@pytest.mark.parametrize("child", DELETED)
def test_e4_a_deleted_child_is_there_again_at_once(child: str, api: Api, standing: str) -> None:
    kind, _, name = child.partition("/")
    before = api.get(kind, standing, name)
    assert before is not None

    with api.watched(kind, standing) as watch:
        api.delete(kind, standing, name)

        gone = watch.first(lambda one: _is(one, "DELETED", name), "deleted")
        again = watch.first(lambda one: _is(one, "ADDED", name), "made again", gone.at_s)

    took_s = again.at_s - gone.at_s
    print(f"E4 {child} deleted: {took_s:.3f} s")  # noqa: T201 -- the figure of the case
    assert again.it["metadata"]["uid"] != before["metadata"]["uid"]
    assert took_s < SLOWEST_S


@pytest.mark.parametrize("what", EDITS)
def test_e4_an_edit_is_undone_at_once_and_moves_no_pod(
    what: str, cluster: Cluster, api: Api, standing: str
) -> None:
    child, pointer, value = EDITS[what]
    kind, _, name = child.partition("/")
    cluster.ready("one", standing)
    running = api.pods(standing)
    meant = at(api.get(kind, standing, name) or {}, pointer)

    with api.watched(kind, standing) as watch:
        api.edit(kind, standing, name, {pointer: value})

        broken = watch.first(lambda one: _is_at(one, name, pointer, value), "the edit is there")
        mended = watch.first(
            lambda one: _is_at(one, name, pointer, meant), "the edit is undone", broken.at_s
        )

    cluster.ready("one", standing)
    took_s = mended.at_s - broken.at_s
    print(f"E4 {what} edited: {took_s:.3f} s")  # noqa: T201 -- the figure of the case
    assert took_s < SLOWEST_S
    assert running.items() <= api.pods(standing).items()


def test_e4_a_restart_that_a_person_asked_for_is_no_drift(
    cluster: Cluster, api: Api, standing: str
) -> None:
    cluster.ready("one", standing)

    cluster.kubectl("-n", standing, "rollout", "restart", "deployment/one-gateway")
    cluster.kubectl("-n", standing, "rollout", "status", "deployment/one-gateway", timeout_s=90)
    cluster.ready("one", standing)

    gateway = api.get("deployments", standing, "one-gateway") or {}
    marks = gateway["spec"]["template"]["metadata"]["annotations"]
    assert "kubectl.kubernetes.io/restartedAt" in marks


def test_e4_a_scale_by_hand_stays_where_the_agent_says_nothing(
    cluster: Cluster, api: Api, standing: str
) -> None:
    with api.watched("deployments", standing) as watch:
        cluster.kubectl("-n", standing, "scale", "deployment/one-gateway", "--replicas=2")
        watch.first(_has_two_ready_pods, "two pods are ready", limit_s=60)
    cluster.ready("one", standing)

    gateway = api.get("deployments", standing, "one-gateway") or {}
    assert gateway["spec"]["replicas"] == 2


def test_e5_an_object_of_somebody_else_is_left_alone_and_missed_when_it_goes(
    api: Api, standing: str
) -> None:
    port = {"name": "theirs", "port": 1, "protocol": "TCP", "targetPort": 1}
    theirs = {"metadata": {"name": "two-gateway"}, "spec": {"ports": [port]}}
    before = api.create("services", standing, {"apiVersion": "v1", "kind": "Service", **theirs})

    api.create("codelabagents", standing, small("two"))
    said = api.told(standing, "two", "Stalled=True/ChildConflict")
    kept = api.get("services", standing, "two-gateway") or {}
    api.told(standing, "one", "Ready=True")
    api.delete("services", standing, "two-gateway")
    api.told(standing, "two", "Ready=True", limit_s=120)
    api.delete("codelabagents", standing, "two")

    assert "Service two-gateway" in condition(said, "Stalled")["message"]
    assert (kept["metadata"]["uid"], kept["spec"]) == (before["metadata"]["uid"], before["spec"])
    assert "ownerReferences" not in kept["metadata"]


def test_e23_who_keeps_undoing_our_repairs_is_left_alone_after_the_third(
    api: Api, standing: str
) -> None:
    name = "one-llmproxy"
    with api.watched("services", standing) as watch:
        for repair in range(3):
            ours = api.edit("services", standing, name, {PART_OF: f"theirs-{repair}"})
            edited = _version(ours)
            watch.first(
                lambda one: _is_at(one, name, PART_OF, "codelab") and _version(one.it) > edited,  # noqa: B023 -- used in this turn only
                f"repair {repair}",
            )
        theirs = api.edit("services", standing, name, {PART_OF: "theirs-at-last"})
        said = api.told(standing, "one", "Stalled=True/DriftFight", limit_s=10)

        after = api.get("services", standing, name) or {}

    assert f"Service {name}" in condition(said, "Stalled")["message"]
    assert _version(after) == _version(theirs)


def _version(manifest: Manifest) -> int:
    return int(manifest["metadata"]["resourceVersion"])


def _has_two_ready_pods(seen: Seen) -> bool:
    is_gateway = seen.it["metadata"]["name"] == "one-gateway"
    return bool(is_gateway and seen.it["status"].get("readyReplicas") == 2)


def _is(seen: Seen, verb: str, name: str) -> bool:
    return seen.verb == verb and seen.it["metadata"]["name"] == name


def _is_at(seen: Seen, name: str, pointer: str, value: Any) -> bool:
    return bool(seen.it["metadata"]["name"] == name and at(seen.it, pointer) == value)
