"""Children that somebody deletes or edits are put right; what is not ours stays as it is."""

from typing import Any

import pytest

from harness.cluster_api import Api, Seen
from harness.kubernetes import Cluster, Manifest

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


def pods(api: Api, namespace: str) -> dict[str, str]:
    """Uids of the pods that are not about to go, with the component that each belongs to."""
    return {
        pod["metadata"]["uid"]: pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in api.items(f"/api/v1/namespaces/{namespace}/pods")
        if "deletionTimestamp" not in pod["metadata"]
    }


@pytest.mark.parametrize("child", DELETED)
def test_e4_a_deleted_child_is_there_again_at_once(
    child: str, api: Api, standing: str, record_property: Any
) -> None:
    kind, _, name = child.partition("/")
    before = api.get(kind, standing, name)
    assert before is not None
    uid = before["metadata"]["uid"]

    with api.watched(kind, standing) as watch:
        api.delete(kind, standing, name)

        gone = watch.first(lambda one: _is(one, "DELETED", name), "deleted")
        again = watch.first(lambda one: _is(one, "ADDED", name), "made again", gone.at_s)

    record_property("repaired_s", round(again.at_s - gone.at_s, 3))
    assert again.it["metadata"]["uid"] != uid
    assert again.at_s - gone.at_s < SLOWEST_S


@pytest.mark.parametrize("what", EDITS)
def test_e4_an_edit_is_undone_at_once_and_moves_no_pod(
    what: str, cluster: Cluster, api: Api, standing: str, record_property: Any
) -> None:
    child, pointer, value = EDITS[what]
    kind, _, name = child.partition("/")
    cluster.ready("one", standing)
    running = pods(api, standing)
    meant = at(api.get(kind, standing, name) or {}, pointer)

    with api.watched(kind, standing) as watch:
        api.edit(kind, standing, name, {pointer: value})

        broken = watch.first(lambda one: _is_at(one, name, pointer, value), "the edit is there")
        mended = watch.first(
            lambda one: _is_at(one, name, pointer, meant), "the edit is undone", broken.at_s
        )

    cluster.ready("one", standing)
    record_property("repaired_s", round(mended.at_s - broken.at_s, 3))
    assert mended.at_s - broken.at_s < SLOWEST_S
    assert running.items() <= pods(api, standing).items()


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
    cluster.kubectl("-n", standing, "scale", "deployment/one-gateway", "--replicas=2")
    cluster.until(lambda: _ready_pods(api, standing, "one-gateway") == 2, "two pods are ready", 60)
    cluster.ready("one", standing)

    gateway = api.get("deployments", standing, "one-gateway") or {}
    assert gateway["spec"]["replicas"] == 2


def _ready_pods(api: Api, namespace: str, name: str) -> int:
    found = api.get("deployments", namespace, name) or {}
    return int(found["status"].get("readyReplicas", 0))


def _is(seen: Seen, verb: str, name: str) -> bool:
    return seen.verb == verb and seen.it["metadata"]["name"] == name


def _is_at(seen: Seen, name: str, pointer: str, value: Any) -> bool:
    return bool(seen.it["metadata"]["name"] == name and at(seen.it, pointer) == value)
