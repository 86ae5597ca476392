"""The API server goes away and comes back: the operator notices, waits, and catches up."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from codelab_operator.kinds import CHILDREN
from harness.operators import SHORT_LEAD, Bench

pytestmark = pytest.mark.timeout(300)  # of a machine that is busy

AGENTS = 5
STREAMS = len(CHILDREN) + 2
FULL = {
    "gateway": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4}},
    "llmproxy": {
        "providers": [
            {
                "name": "local",
                "kind": "ollama",
                "baseUrl": "http://o:1",
                "allowPrivate": True,
                "models": [{"id": "m"}],
            }
        ]
    },
    "exposure": {
        "ingress": {"host": "a.example.com"},
        "httpRoute": {"parentRefs": [{"name": "g"}], "hostnames": ["a.example.com"]},
    },
}
"""An agent with children of every kind."""


async def ready(stage: Bench, **settings: Any) -> None:
    """Some agents are Ready, and nothing is being written."""
    stage.start(**settings)
    for number in range(AGENTS):
        stage.agent(f"a{number}")
    await stage.until(lambda: all(stage.is_ready(f"a{n}") for n in range(AGENTS)))
    await stage.rest()
    stage.cluster.log.clear()


def happen(stage: Bench) -> None:
    """What nobody sees: a child is deleted, one is changed, an agent is edited and one made."""
    stage.delete("Deployment", "a0-runtime")
    stage.edit("Service", "a1-gateway", {"spec": {"sessionAffinity": "ClientIP"}})
    stage.edit("CodelabAgent", "a2", {"spec": {"gateway": {"replicas": 2}}})
    stage.agent("late")


def is_caught_up(stage: Bench) -> bool:
    """Everything of it has been seen to."""
    affinity = stage.find("Service", "a1-gateway")["spec"]["sessionAffinity"]
    names = [*(f"a{n}" for n in range(AGENTS)), "late"]
    return (
        stage.find("Deployment", "a0-runtime") is not None
        and affinity == "None"
        and stage.find("Deployment", "a2-gateway")["spec"]["replicas"] == 2
        and all(stage.is_ready(name) for name in names)
    )


def requests(stage: Bench) -> Counter[str]:
    """How many requests there were, by verb; those of Lease and Events aside."""
    return Counter(r.verb for r in stage.cluster.log if r.kind not in {"Lease", "Event"})


async def test_a_leader_outlives_a_short_outage_and_catches_up_without_a_storm(
    stage: Bench,
) -> None:
    await ready(stage)

    await stage.cluster.go()
    happen(stage)
    await asyncio.sleep(1.0)
    probes = [stage.probe(path=path) for path in ("/healthz", "/readyz")]
    await stage.cluster.come()
    await stage.until(lambda: is_caught_up(stage))
    await stage.rest()

    asked = requests(stage)
    assert probes == [200, 200]
    assert stage.running[0].is_alive()
    assert asked["list"] + asked["watch"] <= 2 * STREAMS
    written = Counter((r.name.partition("-")[0]) for r in stage.cluster.writes if r.status)
    assert set(written) == {"a0", "a1", "a2", "late"}
    assert sum(written.values()) <= 20 + 2 + 2 + 3 + 4


async def test_after_a_long_outage_somebody_new_leads_and_catches_up_without_a_storm(
    stage: Bench,
) -> None:
    """The leader ends: it cannot know that it still leads. Its successor waits, alive."""
    await ready(stage, **SHORT_LEAD)

    await stage.cluster.go()
    code = await stage.ends(stage.running[0])
    happen(stage)
    stage.start("second", lease_duration_s=2)
    await stage.until(lambda: "lease not readable" in stage.log("second"))
    probes = [stage.probe("second", path) for path in ("/healthz", "/readyz")]
    await stage.cluster.come()
    await stage.until(lambda: is_caught_up(stage))
    await stage.rest()

    asked = requests(stage)
    assert code == 1
    assert probes == [200, 503]
    assert stage.probe("second") == 200
    assert asked["list"] + asked["watch"] <= 2 * STREAMS
    written = Counter((r.name.partition("-")[0]) for r in stage.cluster.writes if r.status)
    assert set(written) == {"a0", "a1", "a2", "late"}
    assert sum(written.values()) <= 20 + 2 + 2 + 3 + 4


async def test_what_vanished_while_every_stream_had_expired_comes_back(stage: Bench) -> None:
    """410 Gone on each watch, of every kind at once."""
    stage.start()
    stage.agent(spec=FULL)
    await stage.until(stage.is_ready)
    await stage.rest()
    before = stage.children()
    victims = {kind: name for kind, name in before if kind != "Secret"}
    stage.cluster.log.clear()

    for kind in [kind.name for kind in CHILDREN]:
        stage.cluster.disturbances[kind].silent = True
    for kind, name in victims.items():
        stage.delete(kind, name)
    for kind in [kind.name for kind in CHILDREN]:
        stage.cluster.disturbances[kind].silent = False
        stage.cluster.store.compact(stage.cluster.store.of(kind))
    await stage.until(lambda: all(stage.find(*victim) for victim in victims.items()))
    await stage.until(stage.is_ready)
    await stage.rest()

    assert set(victims) == {kind.name for kind in CHILDREN}
    assert stage.children() == before
    assert requests(stage)["list"] == len(CHILDREN)
    assert len(stage.cluster.writes) <= len(victims) + 4
