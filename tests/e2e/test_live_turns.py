"""Turns that run while pods are killed, evicted, rolled, or the operator goes away."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import anyio
import pytest
from anyio.to_thread import run_sync

from harness.kubernetes import Cluster
from harness.live import Load, percentile, under_load
from harness.live_agent import SERVICES, LiveAgent, live_agent

pytestmark = pytest.mark.timeout(420)
OPERATOR = ("-n", "codelab-system")
KILLS, BETWEEN_S = 3, 10
Stalls = dict[str, list[float]]


@pytest.fixture(scope="module")
def live(cluster: Cluster) -> Iterator[LiveAgent]:
    """An agent with two pods of each service."""
    with live_agent(cluster, "live", 30801) as found:
        yield found


@pytest.fixture(scope="module")
def worst() -> Iterator[Stalls]:
    """The longest stall of each round, by what was killed."""
    found: Stalls = defaultdict(list)
    yield found
    for what, stalls in found.items():
        p50, most = percentile(stalls, 0.5), max(stalls)
        print(f"E6 {what}, {len(stalls)} rounds: stall p50 {p50:.2f} s, max {most:.2f} s")  # noqa: T201 -- the figures


@pytest.mark.parametrize("component", [*SERVICES, "redis"])
async def test_e6_every_pod_of_a_component_is_killed_in_mid_turn(
    component: str, round_number: int, live: LiveAgent, worst: Stalls, tmp_path: Path
) -> None:
    """They start again in their places; after the first round others replace them."""
    load = Load(sessions=10, tokens=300, per_second=30, edits=True)
    kill = partial(run_sync, live.lose if round_number else live.kill, component)

    found, stalls = await under_load(live.gateway, tmp_path, load, kill)

    worst[component].append(max(stalls))
    print(f"E6 {component}: stall max {max(stalls):.2f} s", *found)  # noqa: T201 -- the figure of the case
    assert found == []
    live.ready()


async def test_e6_one_pod_after_another_is_killed(
    round_number: int, live: LiveAgent, worst: Stalls, tmp_path: Path
) -> None:
    """Whichever chance says, every ten seconds; another replaces it."""
    load = Load(sessions=10, tokens=800, per_second=20, edits=True, limit_s=180)
    chance, killed = Random(round_number), []  # noqa: S311 -- repeatable on purpose

    async def kill_some() -> None:
        for _ in range(KILLS):
            component = chance.choice([*SERVICES, "redis"])
            pod = chance.choice(await run_sync(live.pods, component))
            await run_sync(live.lose_pod, pod)
            killed.append(component)
            await anyio.sleep(BETWEEN_S)

    found, stalls = await under_load(live.gateway, tmp_path, load, kill_some)

    worst["any pod"].append(max(stalls))
    figure = f"stall max {max(stalls):.2f} s"
    print(f"E6 {', '.join(killed)}: {figure}", *found)  # noqa: T201 -- the figure of the case
    assert found == []
    live.ready()


async def test_e7_a_roll_of_all_three_under_streaming_sessions(
    live: LiveAgent, sessions: int, tmp_path: Path
) -> None:
    load = Load(sessions=sessions, tokens=1600, per_second=20, limit_s=300)

    def roll() -> None:
        live.change(**{name: {"env": [{"name": "ROLLED", "value": "yes"}]} for name in SERVICES})
        live.ready()

    found, stalls = await under_load(live.gateway, tmp_path, load, partial(run_sync, roll))

    p99, worst = percentile(stalls, 0.99), max(stalls)
    print(f"E7: stall p99 {p99 * 1000:.0f} ms, max {worst:.2f} s", *found)  # noqa: T201 -- the figure
    assert found == []


async def test_e8_every_pod_of_the_services_is_evicted_in_mid_turn(
    live: LiveAgent, sessions: int, tmp_path: Path
) -> None:
    load = Load(sessions=sessions, tokens=1600, per_second=20, limit_s=300)
    refused: list[str] = []

    def evict_all() -> None:
        for component in SERVICES:
            pods = live.pods(component)
            for pod in pods:
                refused.extend(_evicted(live, pod))
            live.ready()
            assert not set(pods) & set(live.pods(component))

    found, stalls = await under_load(live.gateway, tmp_path, load, partial(run_sync, evict_all))

    p99, worst = percentile(stalls, 0.99), max(stalls)
    figures = f"stall p99 {p99 * 1000:.0f} ms, max {worst:.2f} s, budget refused {len(refused)}"
    print(f"E8: {figures}", *found)  # noqa: T201 -- the figures of the case
    assert found == []
    assert refused, "the second pod of a pair may not leave before the first has been replaced"


def _evicted(live: LiveAgent, pod: str) -> list[str]:
    """Evict a pod as soon as the budget allows it; the refusals until then."""
    refused = []

    def leaves() -> bool:
        is_gone = live.evict(pod)
        refused.extend([] if is_gone else [pod])
        return is_gone

    live.cluster.until(leaves, f"{pod} may be evicted", 90)
    return refused


async def test_e13_no_operator_for_a_whole_turn(
    cluster: Cluster, live: LiveAgent, tmp_path: Path
) -> None:
    deployment = cluster.get("deployment", "codelab-agent-operator", "codelab-system")
    scale = partial(cluster.kubectl, *OPERATOR, "scale", "deployment/codelab-agent-operator")
    load = Load(sessions=10, tokens=400, per_second=20, edits=True)

    try:
        found, _ = await under_load(
            live.gateway, tmp_path, load, partial(run_sync, scale, "--replicas=0")
        )
        none = cluster.listed("pods", "codelab-system")
    finally:
        scale(f"--replicas={deployment['spec']['replicas']}")
    cluster.kubectl(*OPERATOR, "rollout", "status", "deployment/codelab-agent-operator")

    assert found == []
    assert none == []


async def test_e13_the_operators_die_and_one_leads_again(
    cluster: Cluster, live: LiveAgent, tmp_path: Path
) -> None:
    """Killed without a word; a change made at that moment is carried out by the next leader."""
    load = Load(sessions=10, tokens=400, per_second=20, edits=True)
    took: list[float] = []

    def die() -> None:
        live.kill("operator")
        live.change(gateway={"config": {"maxConnections": 5000}})
        took.append(cluster.until(lambda: _is_current(live), "the change is seen", 90))

    found, _ = await under_load(live.gateway, tmp_path, load, partial(run_sync, die))

    print(f"E13: a change after SIGKILL seen in {took[0]:.1f} s")  # noqa: T201 -- the figure
    assert found == []
    live.ready()


def _is_current(live: LiveAgent) -> bool:
    """Whether an operator has looked at the newest specification."""
    found = live.cluster.get("codelabagent", "live", live.namespace)
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])
