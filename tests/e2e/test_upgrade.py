"""From one release to the next: the definition first, then the operator, then agents that ask.

The release before the first is this tree under another number.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest
import yaml

from harness.cluster_api import Api, Seen
from harness.commands import ROOT, run
from harness.kubernetes import Cluster, small
from harness.live import Load, under_load
from harness.reached import NODE_PORT, gateway_of

pytestmark = pytest.mark.timeout(280)
OLD, NEW = "0.0.9", "0.1.0"
SERVICES = ("gateway", "runtime", "llmproxy")
CHART = str(ROOT / "charts/codelab-agent")
VALUES = str(ROOT / "manifests/e2e/values.yaml")
DEFINITION = ROOT / "charts/codelab-agent/crds/codelabagents.yaml"
ORDER = ["one-redis", "one-llmproxy", "one-runtime", "one-gateway"]
OLDER = """FROM {image}
USER 0
RUN sed -i 's/^RELEASE: Final = .*/RELEASE: Final = "{release}"/' \\
    /app/.venv/lib/python3*/site-packages/codelab_operator/api_group.py
USER 65532:65532
"""


def installed(cluster: Cluster, *more: str) -> None:
    """Bring the release of the operator to what the values say."""
    where = ("-n", "codelab-system", "-f", VALUES, "--wait", "--timeout", "120s")
    cluster.helm("upgrade", "codelab-agent", CHART, *where, *more)


@pytest.fixture(scope="module")
def old(
    cluster: Cluster,
    api: Api,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """A namespace with the agent `one` of the release before, whose operator runs."""
    tag, folder = pytestconfig.getoption("--image-tag"), tmp_path_factory.mktemp("older")
    (folder / "Dockerfile").write_text(OLDER.format(image=f"codelab/operator:{tag}", release=OLD))
    run("docker", "build", "-q", "-t", f"codelab/operator:{OLD}", folder, timeout_s=120)
    cluster.load("codelab/operator", OLD, OLD)
    for service in SERVICES:
        cluster.load(f"codelab/{service}", tag, OLD)
    installed(cluster, "--set", f"image.tag={OLD}")
    try:
        with cluster.restricted("upgrade") as found:
            api.create("codelabagents", found, small(exposure=NODE_PORT))
            api.told(found, "one", "Ready=True", 120)
            yield found
    finally:
        installed(cluster)


def test_e15_a_newer_definition_does_not_trouble_an_older_operator(
    cluster: Cluster, api: Api, old: str
) -> None:
    before, pods = api.get("codelabagents", old, "one") or {}, api.pods(old)

    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITION))
    change = {"spec": {"llmproxy": {"podAnnotations": {"touched": "yes"}}}}
    api.merge("codelabagents", old, "one", change)
    api.told(old, "one", "Ready=True")

    after, now = api.get("codelabagents", old, "one") or {}, api.pods(old)
    assert before["spec"]["version"] == OLD
    assert after["spec"]["llmproxy"].pop("podAnnotations") == {"touched": "yes"}
    assert after["spec"] == before["spec"]
    assert {pods[uid] for uid in pods.keys() - now.keys()} == {"llmproxy"}
    assert _restarts(api) == 0


def test_e15_a_definition_that_lacks_a_field_of_the_operator_stops_nothing(
    cluster: Cluster, api: Api, old: str, tmp_path: Path
) -> None:
    """Its status cannot be kept whole then; what it was asked for is done all the same."""
    before = api.get("codelabagents", old, "one") or {}
    definition = yaml.safe_load(DEFINITION.read_text())
    (version,) = definition["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["endpoints"]
    older = tmp_path / "older.json"
    older.write_text(json.dumps(definition))

    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(older))
    api.delete("services", old, "one-gateway")
    with api.watched("services", old) as watch:
        watch.first(lambda one: one.it["metadata"]["name"] == "one-gateway", "made again")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITION))
    api.told(old, "one", "Ready=True")

    after = api.get("codelabagents", old, "one") or {}
    assert after["spec"] == before["spec"]
    assert _restarts(api) == 0


def test_e14_an_upgrade_of_the_operator_moves_no_pod(cluster: Cluster, api: Api, old: str) -> None:
    cluster.ready("one", old)
    before, children = api.pods(old), _versions(api, old)

    installed(cluster)
    api.told(old, "one", "Ready=True")

    agent = api.get("codelabagents", old, "one") or {}
    assert api.pods(old) == before
    assert _versions(api, old) == children, "a restart writes nothing"
    assert agent["spec"]["version"] == agent["status"]["version"] == OLD


async def test_e14_a_new_version_rolls_in_order_under_live_turns(
    cluster: Cluster, api: Api, old: str, tmp_path: Path
) -> None:
    order: list[str] = []

    def roll() -> None:
        with api.watched("deployments", old) as deployments, api.watched("statefulsets", old) as s:
            api.merge("codelabagents", old, "one", {"spec": {"version": NEW}})
            api.told(old, "one", "Ready=True", 200)
            applied = [one for one in (*deployments.seen, *s.seen) if _is_new(one)]
        applied.sort(key=lambda one: one.at_s)
        order.extend(dict.fromkeys(one.it["metadata"]["name"] for one in applied))

    load = Load(sessions=3, tokens=1000, per_second=20, limit_s=240)
    gateway = gateway_of(cluster, "one", old)
    found, stalls = await under_load(
        gateway, tmp_path, load, partial(anyio.to_thread.run_sync, roll)
    )

    agent = api.get("codelabagents", old, "one") or {}
    print(f"E14: {order}, longest stall {max(stalls):.2f} s")  # noqa: T201 -- the figures
    assert order == ORDER
    assert agent["status"]["version"] == NEW
    assert found == []


def _is_new(seen: Seen) -> bool:
    """Whether an object is of the new version."""
    return bool(seen.it["metadata"]["annotations"].get("codelab.dev/version") == NEW)


def _versions(api: Api, namespace: str) -> dict[str, str]:
    """Generations of Deployments by their names: they count what was asked of them."""
    return {
        one["metadata"]["name"]: one["metadata"]["generation"]
        for one in api.items(f"/apis/apps/v1/namespaces/{namespace}/deployments")
    }


def _restarts(api: Api) -> int:
    """Restarts of operators."""
    selector = "labelSelector=app.kubernetes.io/name=codelab-operator"
    pods = api.items(f"/api/v1/namespaces/codelab-system/pods?{selector}")
    return sum(one["restartCount"] for pod in pods for one in pod["status"]["containerStatuses"])
