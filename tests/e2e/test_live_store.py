"""E18: a store of somebody else, with TLS, passwords and Sentinels; its master dies in mid-turn."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from anyio.to_thread import run_sync

from fakes.certificates import Authority
from harness.commands import ROOT
from harness.kubernetes import Cluster
from harness.live import Load, under_load
from harness.live_agent import LiveAgent, live_agent

pytestmark = pytest.mark.timeout(420)
NAMESPACE = "store"
HOSTS = tuple(f"redis-{number}.redis" for number in range(3))
STORE = {
    "external": {
        "sentinel": {
            "masterName": "mymaster",
            "addresses": [f"{host}:26379" for host in HOSTS],
            "passwordSecretRef": {"name": "redis", "key": "sentinel-password"},
        },
        "passwordSecretRef": {"name": "redis", "key": "password"},
        "tls": {"caSecretRef": {"name": "redis-tls", "key": "ca.crt"}},
    }
}
MASTER = (
    "redis-cli --tls --cacert /tls/ca.crt -p 26379 -a $(cat /auth/sentinel-password)"
    " --no-auth-warning sentinel get-master-addr-by-name mymaster"
)


@pytest.fixture(scope="module")
def live(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAgent]:
    """An agent with three servers, each with a Sentinel beside it."""
    folder = tmp_path_factory.mktemp("certificates")

    def prepare() -> None:
        authority = Authority(folder)
        made = authority.issue(*HOSTS)
        tls = {"tls.crt": made.file, "tls.key": made.key_file, "ca.crt": authority.file}
        secret(cluster, "redis-tls", {name: file.read_text() for name, file in tls.items()})
        words = {"password": "for-the-servers", "sentinel-password": "for-the-sentinels"}
        secret(cluster, "redis", words)
        manifest = str(ROOT / "manifests/e2e/redis-sentinel.yaml")
        cluster.kubectl("-n", NAMESPACE, "apply", "-f", manifest)
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", "statefulset/redis", timeout_s=180)

    with live_agent(cluster, NAMESPACE, 30805, prepare, redis=STORE) as found:
        yield found


def secret(cluster: Cluster, name: str, values: dict[str, str]) -> None:
    """A Secret with these values."""
    head = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    cluster.apply(head | {"stringData": values}, NAMESPACE)


def master(cluster: Cluster, of: str = "redis-0") -> str:
    """Name of the pod that the Sentinel of a pod calls the master."""
    asked = ("exec", of, "-c", "sentinel", "--", "sh", "-c", MASTER)
    said = cluster.said("-n", NAMESPACE, *asked).stdout
    return said.partition(".")[0]


async def test_e18_turns_outlive_the_master_of_the_store(
    cluster: Cluster, live: LiveAgent, tmp_path: Path
) -> None:
    load = Load(sessions=10, tokens=400, per_second=20, edits=True, limit_s=240)
    took: list[float] = []

    def kill() -> None:
        first = master(cluster)
        witness = next(host.partition(".")[0] for host in HOSTS if not host.startswith(first))
        now = ("--grace-period=0", "--force", "--wait=false")
        cluster.kubectl("-n", NAMESPACE, "delete", "pod", first, *now)
        others = {host.partition(".")[0] for host in HOSTS} - {first}
        took.append(
            cluster.until(lambda: master(cluster, witness) in others, "another is master", 60)
        )

    found, stalls = await under_load(live.gateway, tmp_path, load, partial(run_sync, kill))

    figures = f"another master after {took[0]:.1f} s, stall max {max(stalls):.2f} s"
    print(f"E18: {figures}", *found)  # noqa: T201 -- the figures of the case
    assert found == []
    ready = live.ready()
    assert json.dumps(ready["status"]).count("for-the-") == 0
