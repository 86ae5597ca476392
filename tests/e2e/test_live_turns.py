"""Turns that run while pods are killed, evicted, rolled, or the operator goes away."""

from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from codelab_client.places import Gateway
from harness.commands import run
from harness.kubernetes import Cluster, agent
from harness.live import Load, percentile, under_load

pytestmark = pytest.mark.timeout(420)
NAMESPACE = "live"
NODE_PORT = 30801
LITTLE = {"replicas": 2, "resources": {"requests": {"cpu": "20m"}}}
COMPONENTS = ("gateway", "runtime", "llmproxy", "redis")


@pytest.fixture(scope="module")
def live(cluster: Cluster) -> Iterator[Gateway]:
    """The gateway of an agent with two pods of each service, at a port of the node."""
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout_s=180)
    cluster.kubectl("create", "namespace", NAMESPACE)
    exposure = {"service": {"type": "NodePort", "nodePort": NODE_PORT}}
    services = dict.fromkeys(COMPONENTS[:3], LITTLE)
    cluster.apply(agent("live", exposure=exposure, **services), NAMESPACE)
    cluster.ready("live", NAMESPACE)
    (node,) = cluster.listed("nodes", "default")
    address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    token = cluster.get("secret", "live-client", NAMESPACE)["data"]["token"]
    yield Gateway(f"http://{address}:{NODE_PORT}", b64decode(token).decode())
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def kill_all(cluster: Cluster, component: str) -> None:
    """SIGKILL to every process of a component, from the node."""
    command = "redis-server" if component == "redis" else f"codelab_{component}"
    node = cluster.context.removeprefix("kind-") + "-control-plane"
    run("docker", "exec", node, "pkill", "-KILL", "-f", command)


@pytest.mark.parametrize("component", COMPONENTS)
async def test_e6_every_pod_of_a_component_is_killed_in_mid_turn(
    component: str, cluster: Cluster, live: Gateway, tmp_path: Path
) -> None:
    load = Load(sessions=10, tokens=300, per_second=30, edits=True)
    kill = partial(anyio.to_thread.run_sync, kill_all, cluster, component)

    found, stalls = await under_load(live, tmp_path, load, kill)

    print(f"E6 {component}: stall max {max(stalls):.2f} s")  # noqa: T201 -- the figure of the case
    assert found == []
    cluster.ready("live", NAMESPACE)


async def test_e7_a_roll_of_all_three_under_streaming_sessions(
    cluster: Cluster, live: Gateway, tmp_path: Path
) -> None:
    load = Load(sessions=30, tokens=1600, per_second=20, limit_s=300)

    def roll() -> None:
        env = [{"name": "ROLLED", "value": "yes"}]
        services = {name: {**LITTLE, "env": env} for name in COMPONENTS[:3]}
        exposure = {"service": {"type": "NodePort", "nodePort": NODE_PORT}}
        cluster.apply(agent("live", exposure=exposure, **services), NAMESPACE)
        cluster.ready("live", NAMESPACE)

    found, stalls = await under_load(live, tmp_path, load, partial(anyio.to_thread.run_sync, roll))

    p99, worst = percentile(stalls, 0.99), max(stalls)
    print(f"E7: stall p99 {p99 * 1000:.0f} ms, max {worst:.2f} s")  # noqa: T201 -- the figure
    assert found == []


async def test_e13_no_operator_for_a_whole_turn(
    cluster: Cluster, live: Gateway, tmp_path: Path
) -> None:
    operator = ("-n", "codelab-system", "scale", "deployment/codelab-agent-operator")

    async def away() -> None:
        scaled = partial(cluster.kubectl, *operator, "--replicas=0")
        await anyio.to_thread.run_sync(scaled)

    load = Load(sessions=10, tokens=200, per_second=20, edits=True)
    try:
        found, _ = await under_load(live, tmp_path, load, away)
    finally:
        cluster.kubectl(*operator, "--replicas=2")

    assert found == []
