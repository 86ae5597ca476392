"""Who scales pods, and silence: an agent that is as it should be costs the API server nothing."""

from collections.abc import Iterator

import pytest

from harness.asked import asked
from harness.cluster_api import Api, Seen
from harness.kubernetes import Cluster, small

pytestmark = pytest.mark.timeout(240)
REST_S = 60.0
AUTOMATIC = {"minReplicas": 2, "maxReplicas": 4}


@pytest.fixture(scope="module")
def scaled(cluster: Cluster, api: Api) -> Iterator[str]:
    """A namespace with the agent `auto`: a scaler for the LLM proxy, three pods of the gateway."""
    with cluster.restricted("scaled") as found:
        spec = {"llmproxy": {"autoscaling": AUTOMATIC}, "gateway": {"replicas": 3}}
        api.create("codelabagents", found, small("auto", **spec))
        api.told(found, "auto", "Ready=True", 120)
        yield found


def test_e17_a_scaler_without_metrics_still_makes_its_least_number_of_pods(
    api: Api, scaled: str
) -> None:
    with api.watched("deployments", scaled) as watch:
        found = watch.first(lambda one: _pods_of(one, "auto-llmproxy") == 2, "two pods", 0, 90)

    assert found.it["spec"]["replicas"] == 2


def test_e17_handing_the_pods_over_to_a_scaler_takes_none_away(api: Api, scaled: str) -> None:
    with api.watched("deployments", scaled) as watch:
        change = {"spec": {"gateway": {"replicas": None, "autoscaling": AUTOMATIC}}}
        api.merge("codelabagents", scaled, "auto", change)

        api.told(scaled, "auto", "Ready=True")
        api.told(scaled, "auto", "Reconciling=")
        seen = [one.it["spec"]["replicas"] for one in watch.seen if _is_gateway(one)]

    print(f"E17: replicas seen {sorted(set(seen))}")  # noqa: T201 -- the figure of the case
    assert set(seen) == {3}
    gateway = api.get("deployments", scaled, "auto-gateway") or {}
    assert "codelab.dev/replicas" not in gateway["metadata"]["annotations"]


def test_e4_e17_agents_at_rest_cost_no_request_at_all(
    cluster: Cluster, api: Api, scaled: str
) -> None:
    api.create("codelabagents", scaled, small("calm"))
    api.told(scaled, "calm", "ProvidersReady=True")
    api.told(scaled, "calm", "Ready=True")
    cluster.ready("auto", scaled)
    before, versions = asked(api), _versions(api, scaled)

    with api.watched("codelabagents", scaled) as watch:
        watch.quiet(REST_S)
    after = asked(api)

    more = after - before
    print(f"E4: {sum(more.values())} requests in {REST_S:g} s")  # noqa: T201 -- the figure
    assert more == {}
    assert _versions(api, scaled) == versions


def _versions(api: Api, namespace: str) -> dict[str, str]:
    """Versions of Deployments, by their names."""
    return {
        one["metadata"]["name"]: one["metadata"]["resourceVersion"]
        for one in api.items(f"/apis/apps/v1/namespaces/{namespace}/deployments")
    }


def _pods_of(seen: Seen, name: str) -> int:
    is_it = seen.it["metadata"]["name"] == name
    return int(seen.it.get("status", {}).get("readyReplicas", 0)) if is_it else 0


def _is_gateway(seen: Seen) -> bool:
    return bool(seen.it["metadata"]["name"] == "auto-gateway")
