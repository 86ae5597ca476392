"""E18: a store of somebody else, with TLS and Sentinels; its master goes away in mid-turn."""

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
HOSTS = ("redis-0", "redis-1", "redis-2")
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
SENTINEL = (
    "REDISCLI_AUTH=$(cat /auth/sentinel-password)"
    " redis-cli --tls --cacert /tls/ca.crt -p 26379 sentinel"
)
MASTER = f"{SENTINEL} get-master-addr-by-name mymaster"
FAILOVER = f"{SENTINEL} failover mymaster"
COPIES = "REDISCLI_AUTH=$(cat /auth/password) redis-cli --tls --cacert /tls/ca.crt info replication"


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
    return said.partition("\n")[0]


def is_whole(cluster: Cluster) -> bool:
    """Whether every Sentinel names one master, which both others copy."""
    said = {master(cluster, host) for host in HOSTS}
    if len(said) > 1 or not (first := said.pop()):
        return False
    asked = ("exec", first, "-c", "redis", "--", "sh", "-c", COPIES)
    return "connected_slaves:2" in cluster.said("-n", NAMESPACE, *asked).stdout


def lose(cluster: Cluster, pod: str) -> None:
    """Take a pod away with all that it had, at once."""
    now = ("--grace-period=0", "--force", "--wait=false")
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", pod, *now)


def unseat(cluster: Cluster, way: str) -> float:
    """Have another server made the master, and lose the pod of the old one; seconds it took."""
    first = master(cluster)
    others = {*HOSTS} - {first}
    witness = min(others)
    if way == "it steps down, then dies":
        asked = ("exec", witness, "-c", "sentinel", "--", "sh", "-c", FAILOVER)
        cluster.kubectl("-n", NAMESPACE, *asked)
    else:
        lose(cluster, first)
    took = cluster.until(lambda: master(cluster, witness) in others, "another is master", 60)
    if way == "it steps down, then dies":
        lose(cluster, first)
    return took


@pytest.mark.parametrize("way", ["it dies", "it steps down, then dies"])
async def test_e18_turns_outlive_the_master_of_the_store(
    way: str, cluster: Cluster, live: LiveAgent, tmp_path: Path
) -> None:
    load = Load(sessions=10, tokens=400, per_second=20, edits=True, may_lose=True)
    took: list[float] = []
    cluster.until(lambda: is_whole(cluster), "both others copy one master", 120)

    def change() -> None:
        took.append(unseat(cluster, way))

    found, stalls = await under_load(live.gateway, tmp_path, load, partial(run_sync, change))

    figures = f"another master after {took[0]:.1f} s, stall max {max(stalls):.2f} s"
    print(f"E18, {way}: {figures}", *found)  # noqa: T201 -- the figures of the case
    assert found == []
    ready = live.ready()
    assert json.dumps(ready["status"]).count("for-the-") == 0
