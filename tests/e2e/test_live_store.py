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
REPLICATION = (
    "REDISCLI_AUTH=$(cat /auth/password) redis-cli --tls --cacert /tls/ca.crt info replication"
)
COPIED = "connected_slaves:2"


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


def said(cluster: Cluster, pod: str, container: str, command: str) -> str:
    """What a command in a container says; nothing where it cannot be run."""
    asked = ("exec", pod, "-c", container, "--", "sh", "-c", command)
    return cluster.said("-n", NAMESPACE, *asked).stdout


def known(cluster: Cluster, of: str) -> dict[str, str]:
    """What the Sentinel of a pod knows of the master."""
    lines = said(cluster, of, "sentinel", f"{SENTINEL} master mymaster").splitlines()
    return dict(zip(lines[::2], lines[1::2], strict=False))


def the_master(cluster: Cluster) -> str:
    """The pod that all Sentinels name, once they know each other and both others copy it."""
    wanted = {"flags": "master", "num-slaves": "2", "num-other-sentinels": "2"}

    def is_whole() -> bool:
        states = [known(cluster, of) for of in HOSTS]
        first = states[0].get("ip", "")
        agree = all(state.items() >= (wanted | {"ip": first}).items() for state in states)
        return bool(first) and agree and COPIED in said(cluster, first, "redis", REPLICATION)

    cluster.until(is_whole, "all Sentinels name one master, and both others copy it", 120)
    return known(cluster, HOSTS[0])["ip"]


def lose(cluster: Cluster, pod: str) -> None:
    """Take a pod away with all that it had, at once."""
    now = ("--grace-period=0", "--force", "--wait=false")
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", pod, *now)


def unseat(cluster: Cluster, first: str, way: str) -> float:
    """Have another server made the master, and lose the pod of the old one; seconds it took."""
    others = {*HOSTS} - {first}
    witness = min(others)
    if way == "it steps down, then dies":
        assert said(cluster, witness, "sentinel", f"{SENTINEL} failover mymaster") == "OK\n"
    else:
        lose(cluster, first)
    took = cluster.until(
        lambda: known(cluster, witness).get("ip") in others, "another is master", 60
    )
    if way == "it steps down, then dies":
        lose(cluster, first)
    return took


@pytest.mark.parametrize("way", ["it dies", "it steps down, then dies"])
async def test_e18_turns_outlive_the_master_of_the_store(
    way: str, cluster: Cluster, live: LiveAgent, tmp_path: Path
) -> None:
    load = Load(sessions=10, tokens=400, per_second=20, edits=True, may_lose=True)
    took: list[float] = []
    first = the_master(cluster)

    def change() -> None:
        took.append(unseat(cluster, first, way))

    found, stalls = await under_load(live.gateway, tmp_path, load, partial(run_sync, change))

    figures = f"another master after {took[0]:.1f} s, stall max {max(stalls):.2f} s"
    print(f"E18, {way}: {figures}", *found)  # noqa: T201 -- the figures of the case
    assert found == []
    ready = live.ready()
    assert json.dumps(ready["status"]).count("for-the-") == 0
