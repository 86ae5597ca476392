"""Kinds that a cluster may lack: monitors and routes, before their definitions come and after."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.cluster_api import Api
from harness.commands import ROOT
from harness.kubernetes import Cluster, condition, small

pytestmark = pytest.mark.timeout(240)
LOOK_S = 3
"""Seconds between two looks for kinds, in these tests; else ten minutes."""
SYSTEM = ("-n", "codelab-system")
OPERATOR = "deployment/codelab-agent-operator"
METRICS = {
    "gateway": "gateway_ws_connections",
    "runtime": "agent_llm_requests_total",
    "llmproxy": "llm_proxy_tokens_per_second",
}
PATHS = ["/api/v1", "/ws"]
"""What leads in from outside; metrics and health do not."""
EXPOSURE = {
    "ingress": {"className": "traefik", "host": "agent.example.com", "tlsSecretName": "tls"},
    "httpRoute": {"parentRefs": [{"name": "edge"}], "hostnames": ["agent.example.com"]},
}


@pytest.fixture(scope="module")
def watchful(cluster: Cluster, api: Api) -> Iterator[str]:
    """A namespace with the agent `one`, and an operator that looks for kinds every moment."""
    with _looking(cluster, f"CODELAB_DISCOVERY_S={LOOK_S}"), cluster.restricted("kinds") as found:
        api.create("codelabagents", found, small(exposure=EXPOSURE))
        api.told(found, "one", "Ready=True", 120)
        yield found


@contextmanager
def _looking(cluster: Cluster, setting: str) -> Iterator[None]:
    """An operator with another setting."""
    name = setting.partition("=")[0]
    for change in (setting, f"{name}-"):
        cluster.kubectl(*SYSTEM, "set", "env", OPERATOR, change)
        cluster.kubectl(*SYSTEM, "rollout", "status", OPERATOR, "--timeout=90s", timeout_s=100)
        if change == setting:
            yield


@contextmanager
def defined(cluster: Cluster, kind: str) -> Iterator[None]:
    """The definition of a kind, for as long as it is needed."""
    file = str(ROOT / f"manifests/e2e/{kind}.yaml")
    cluster.kubectl("apply", "-f", file)
    try:
        yield
    finally:
        cluster.kubectl("delete", "-f", file, "--ignore-not-found")


def test_e16_monitors_come_and_go_with_their_definition_and_ready_stays(
    cluster: Cluster, api: Api, watchful: str
) -> None:
    api.told(watchful, "one", "MonitoringReady=False/CRDMissing")

    with api.watched("codelabagents", watchful) as watch:
        with defined(cluster, "servicemonitors"):
            api.told(watchful, "one", "MonitoringReady=True/Applied", 30)
            monitors = cluster.listed("servicemonitors", watchful)
        api.told(watchful, "one", "MonitoringReady=False/CRDMissing", 30)
        seen = {condition(one.it, "Ready")["status"] for one in watch.seen}

    scraped = {one["metadata"]["name"]: _scraped(api, watchful, one) for one in monitors}
    assert seen == {"True"}
    assert set(scraped) == {f"one-{name}" for name in METRICS}
    for name, metric in METRICS.items():
        assert f"# TYPE {metric.removesuffix('_total')}" in scraped[f"one-{name}"]


def _scraped(api: Api, namespace: str, monitor: dict[str, Any]) -> str:
    """What the only target of a monitor says to whoever scrapes it."""
    (endpoint,) = monitor["spec"]["endpoints"]
    chosen = ",".join(f"{k}={v}" for k, v in monitor["spec"]["selector"]["matchLabels"].items())
    services = api.items(f"/api/v1/namespaces/{namespace}/services?labelSelector={chosen}")
    (target,) = (
        service["metadata"]["name"]
        for service in services
        if endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    )
    place = f"/api/v1/namespaces/{namespace}/services/{target}:{endpoint['port']}/proxy"
    return api.text(place + endpoint["path"])


def test_e19_an_ingress_and_a_route_lead_to_the_two_paths_of_clients_only(
    cluster: Cluster, api: Api, watchful: str
) -> None:
    (ingress,) = cluster.listed("ingress", watchful)
    with defined(cluster, "httproutes"):
        cluster.until(lambda: bool(cluster.listed("httproutes", watchful)), "a route", 30)
        (route,) = cluster.listed("httproutes", watchful)
    said = api.told(watchful, "one", "Ready=True")

    (rule,) = ingress["spec"]["rules"]
    assert ingress["spec"]["tls"] == [{"hosts": ["agent.example.com"], "secretName": "tls"}]
    assert sorted(path["path"] for path in rule["http"]["paths"]) == PATHS
    assert {p["backend"]["service"]["name"] for p in rule["http"]["paths"]} == {"one-gateway"}
    matched = [match for one in route["spec"]["rules"] for match in one["matches"]]
    assert sorted(match["path"]["value"] for match in matched) == PATHS
    assert route["spec"]["hostnames"] == ["agent.example.com"]
    assert said["status"]["endpoints"]["external"] == ["wss://agent.example.com/ws"]
