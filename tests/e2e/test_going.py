"""Agents go, one by one, with their namespace, or without an operator; and many come at once."""

from collections.abc import Iterator

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from harness.cluster_api import Api
from harness.commands import ROOT
from harness.kubernetes import CHILD_KINDS, Cluster, small

pytestmark = pytest.mark.timeout(280)
GONE_S = 60.0
MANY = 20
SERVICES = ("gateway", "runtime", "llmproxy")
CHART = str(ROOT / "charts/codelab-agent")
VALUES = str(ROOT / "manifests/e2e/values.yaml")
SYSTEM = ("-n", "codelab-system")


@pytest.fixture(scope="module")
def crowd(cluster: Cluster, api: Api, stand_in: str) -> Iterator[str]:
    """A namespace with twenty agents that were made at once."""
    with cluster.restricted("crowd") as found:
        services = {one: {"image": stand_in} for one in SERVICES}
        store = {"external": {"url": "redis://nowhere:6379"}}
        for number in range(MANY):
            name = f"many-{number:02}"
            api.create("codelabagents", found, small(name, **services, redis=store))
        yield found


def test_e22_twenty_agents_at_once_become_ready_and_share_nothing(
    api: Api, cluster: Cluster, crowd: str
) -> None:
    began = SYSTEM_CLOCK.monotonic()
    for number in range(MANY):
        api.told(crowd, f"many-{number:02}", "Ready=True", 200)
    took_s = SYSTEM_CLOCK.monotonic() - began

    children = cluster.listed(CHILD_KINDS, crowd, "-l", "codelab.dev/agent")
    tokens = [one["data"]["tokens"] for one in children if one["kind"] == "Secret"]
    print(f"E22: {MANY} agents Ready in {took_s:.0f} s")  # noqa: T201 -- the figure of the case
    assert len(set(tokens)) == len(tokens) == 2 * MANY
    for child in children:
        name = child["metadata"]["labels"]["codelab.dev/agent"]
        (owner,) = child["metadata"]["ownerReferences"]
        assert owner["name"] == name
        assert child["metadata"]["labels"]["app.kubernetes.io/instance"] == name
        others = {f"many-{number:02}" for number in range(MANY)} - {name}
        assert not [other for other in others if other in str(child.get("spec"))]


def test_e21_a_namespace_goes_in_the_midst_of_a_roll(
    cluster: Cluster, api: Api, crowd: str
) -> None:
    for number in range(MANY):
        change = {"spec": {"gateway": {"env": [{"name": "ROLLED", "value": "yes"}]}}}
        api.merge("codelabagents", crowd, f"many-{number:02}", change)

    began = SYSTEM_CLOCK.monotonic()
    cluster.kubectl("delete", "namespace", crowd, timeout_s=150)

    took_s = SYSTEM_CLOCK.monotonic() - began
    print(f"E21: namespace with {MANY} rolling agents gone in {took_s:.0f} s")  # noqa: T201 -- figure
    assert took_s < 2 * GONE_S, "sixty pods of a busy machine"


def test_e21_an_agent_takes_everything_with_it_but_a_claim_that_is_to_stay(
    cluster: Cluster, api: Api, namespace: str
) -> None:
    retained = {"redis": {"managed": {"whenDeleted": "Retain"}}}
    api.create("codelabagents", namespace, small("kept", **retained))
    api.create("codelabagents", namespace, small("gone"))
    for name in ("kept", "gone"):
        api.told(namespace, name, "Ready=True", 120)

    for name in ("kept", "gone"):
        api.delete("codelabagents", namespace, name)
    took_s = cluster.until(
        lambda: _left(cluster, namespace) == ["data-kept-redis-0"], "gone", GONE_S
    )

    print(f"E21: agents gone in {took_s:.0f} s")  # noqa: T201 -- the figure of the case


def test_e21_uninstalling_leaves_agents_alone_and_they_go_without_an_operator(
    cluster: Cluster, api: Api, namespace: str, stand_in: str
) -> None:
    services = {one: {"image": stand_in} for one in SERVICES}
    api.create("codelabagents", namespace, small("left", **services))
    api.told(namespace, "left", "Ready=True")
    before = api.pods(namespace)

    try:
        cluster.helm("uninstall", "codelab-agent", *SYSTEM, "--wait", "--timeout", "60s")
        cluster.until(lambda: _of_the_chart(cluster) == [], "nothing of the chart is left", GONE_S)
        still = api.pods(namespace)
        api.delete("codelabagents", namespace, "left")
        took_s = cluster.until(lambda: _left(cluster, namespace) == [], "gone", GONE_S)
    finally:
        more = ("-f", VALUES, "--wait", "--timeout", "120s")
        cluster.helm("install", "codelab-agent", CHART, *SYSTEM, *more)

    print(f"E21: without an operator gone in {took_s:.0f} s")  # noqa: T201 -- the figure
    assert still == before
    cluster.kubectl("get", "crd", "codelabagents.codelab.dev")


def _left(cluster: Cluster, namespace: str) -> list[str]:
    """Names of children and pods that are still there."""
    kinds = f"{CHILD_KINDS},pods"
    found = cluster.listed(kinds, namespace, "-l", "app.kubernetes.io/name=codelab-agent")
    return sorted(one["metadata"]["name"] for one in found)


def _of_the_chart(cluster: Cluster) -> list[str]:
    """Names of what the chart has made anywhere."""
    kinds = "deployments,pods,services,roles,rolebindings,clusterroles,clusterrolebindings,jobs"
    label = "app.kubernetes.io/instance=codelab-agent"
    return cluster.kubectl("get", kinds, "-A", "-l", label, "-o", "name").split()
