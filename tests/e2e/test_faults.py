"""What goes wrong around an agent is told by a condition, and is over when its cause is."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from harness.cluster_api import Api
from harness.kubernetes import Cluster, Manifest, condition, small

pytestmark = pytest.mark.timeout(300)
HOT_S = 90.0
"""A kubelet brings a changed Secret into its pods within this time."""
LATER_S = 45.0
"""Until the proxy has read it, asked the provider and told the operator, on a busy machine."""
GUARD = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
REAL = {
    "name": "real",
    "kind": "openai-compatible",
    "baseUrl": "http://provider.faults.svc:9000",
    "allowPrivate": True,
    "keys": [{"id": "main", "secretRef": {"name": "provider-key", "key": "api-key"}}],
    "models": [{"id": "model"}],
}
STORE = {
    "external": {
        "url": "redis://store.faults.svc:6379",
        "passwordSecretRef": {"name": "store", "key": "password"},
    }
}
NOWHERE = {"external": {"url": "redis://nowhere:6379"}}
SERVICES = ("gateway", "runtime", "llmproxy")


@pytest.fixture(scope="module")
def faults(cluster: Cluster, api: Api, stand_in: str) -> Iterator[str]:
    """A namespace with a provider, and agents that lack a key, a store and a Secret."""
    with cluster.restricted("faults") as found:
        serve(api, found, "provider", 9000, {"image": stand_in})
        providers = {"providers": [REAL, {"name": "scripted", "kind": "scripted"}]}
        api.create("codelabagents", found, small("keyless", llmproxy=providers))
        api.create("codelabagents", found, small("locked", redis=STORE))
        secret = {"internalAuth": {"secretName": "tokens"}}
        rollout = {"rollout": {"progressDeadlineSeconds": 30}}
        api.create("codelabagents", found, hollow("guarded", stand_in, **secret, **rollout))
        yield found


def hollow(name: str, image: str, **spec: Any) -> Manifest:
    """An agent of stand-ins, without a store."""
    services = {one: {"image": image} for one in SERVICES}
    return small(name, **services, redis=NOWHERE, **spec)


def serve(api: Api, namespace: str, name: str, port: int, container: Manifest) -> None:
    """A pod behind a Service of its name."""
    labels = {"app": name}
    whole = {"name": name, "imagePullPolicy": "Never", "securityContext": GUARD} | container
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}}
    spec = {"containers": [whole], "terminationGracePeriodSeconds": 1}
    api.post(f"/api/v1/namespaces/{namespace}/pods", pod | {"spec": spec})
    service = {"selector": labels, "ports": [{"port": port}]}
    api.create("services", namespace, {"metadata": {"name": name}, "spec": service})


def keep(api: Api, namespace: str, name: str, key: str, value: str) -> float:
    """Make a Secret, or change it; the time."""
    encoded = {"data": {key: b64encode(value.encode()).decode()}}
    if api.get("secrets", namespace, name) is None:
        api.create("secrets", namespace, {"metadata": {"name": name}} | encoded)
    else:
        api.merge("secrets", namespace, name, encoded)
    return SYSTEM_CLOCK.monotonic()


def since(began: float) -> float:
    """Seconds."""
    return SYSTEM_CLOCK.monotonic() - began


def nudge(cluster: Cluster, namespace: str, component: str) -> None:
    """Let the kubelet look at pods now, and not within the minute that it may take."""
    chosen = f"app.kubernetes.io/component={component}"
    mark = f"nudged={SYSTEM_CLOCK.wall_ms()}"
    cluster.kubectl("-n", namespace, "annotate", "--overwrite", "pods", "-l", chosen, mark)


def test_a_secret_that_pods_cannot_start_without_stalls_the_agent_until_it_is_there(
    api: Api, faults: str
) -> None:
    api.told(faults, "guarded", "Stalled=True/ProgressDeadlineExceeded")

    began = keep(api, faults, "tokens", "tokens", "a-token-of-our-own-that-is-long-enough\n")
    api.told(faults, "guarded", "RuntimeReady=True", 150)
    api.told(faults, "guarded", "Stalled=")

    print(f"missing Secret: repaired in {since(began):.0f} s")  # noqa: T201 -- the figure


def test_e11_a_provider_key_may_come_late_be_wrong_and_change_without_a_restart(
    cluster: Cluster, api: Api, faults: str
) -> None:
    api.told(faults, "keyless", "ProvidersReady=False/KeyMissing")
    api.told(faults, "keyless", "Ready=True")
    before = api.pods(faults, "app.kubernetes.io/instance=keyless")

    began = keep(api, faults, "provider-key", "api-key", "bad-1")
    api.told(faults, "keyless", "ProvidersReady=False/KeyRejected", HOT_S + LATER_S)
    wrong_s = since(began)
    began = keep(api, faults, "provider-key", "api-key", "good-1")
    nudge(cluster, faults, "llmproxy")
    api.told(faults, "keyless", "ProvidersReady=True/AllOk", HOT_S + LATER_S)
    right_s = since(began)
    began = keep(api, faults, "provider-key", "api-key", "good-2")
    nudge(cluster, faults, "llmproxy")
    cluster.until(lambda: _is_used(cluster, api, faults, "good-2"), "the new key is used", HOT_S)

    print(f"E11: wrong {wrong_s:.0f} s, right {right_s:.0f} s, new {since(began):.0f} s")  # noqa: T201 -- the figures
    assert api.pods(faults, "app.kubernetes.io/instance=keyless") == before
    assert _restarts(api, faults, "keyless") == 0


def _is_used(cluster: Cluster, api: Api, namespace: str, key: str) -> bool:
    """Whether the proxy has shown this key to the provider; its health check makes it."""
    api.request(
        "GET", f"/api/v1/namespaces/{namespace}/services/keyless-llmproxy:http/proxy/health"
    )
    return f"key {key}" in cluster.kubectl("-n", namespace, "logs", "provider", "--tail=20")


def _restarts(api: Api, namespace: str, name: str) -> int:
    """Restarts of all containers of an agent."""
    selector = f"app.kubernetes.io/instance={name}"
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
    return sum(
        container["restartCount"]
        for pod in api.items(path)
        for container in pod["status"].get("containerStatuses", ())
    )


def test_a_store_may_be_away_lack_its_secret_and_refuse_the_password(
    cluster: Cluster, api: Api, faults: str
) -> None:
    api.told(faults, "locked", "RedisReady=False/Unreachable")
    api.told(faults, "locked", "Ready=False/RedisUnavailable")
    command = ["redis-server", "--requirepass", "open-sesame", "--save", ""]
    container = {"image": "redis:8.0", "command": command, "workingDir": "/tmp"}  # noqa: S108 -- of the pod

    serve(api, faults, "store", 6379, container)
    api.told(faults, "locked", "RedisReady=False/AuthFailed")
    keep(api, faults, "store", "password", "wrong")
    nudge(cluster, faults, "runtime")
    api.told(faults, "locked", "RedisReady=False/AuthFailed")
    began = keep(api, faults, "store", "password", "open-sesame")
    nudge(cluster, faults, "runtime")
    api.told(faults, "locked", "Ready=True")

    print(f"store: Ready {since(began):.0f} s after the password was right")  # noqa: T201 -- the figure
    assert _restarts(api, faults, "locked") == 0


def test_a_quota_that_is_spent_is_told_and_forgotten_when_there_is_room(
    api: Api, stand_in: str, namespace: str
) -> None:
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}}}
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    api.post(path, {"apiVersion": "v1", "kind": "ResourceQuota", **quota})

    api.create("codelabagents", namespace, hollow("many", stand_in))
    api.told(namespace, "many", "GatewayReady=False/ReplicaFailure")
    said = api.told(namespace, "many", "Ready=False")
    began = SYSTEM_CLOCK.monotonic()
    api.delete_path(f"{path}/few")
    api.told(namespace, "many", "Ready=True", 120)

    print(f"quota: Ready {since(began):.0f} s after there was room")  # noqa: T201 -- the figure
    assert "exceeded quota" in condition(said, "GatewayReady")["message"]
