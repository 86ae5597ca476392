"""One pass over one agent, and how passes follow each other."""

from typing import Any

import pytest

from codelab_operator.api_group import FIELD_MANAGER, GROUP_VERSION, KIND
from codelab_operator.asking import SETTLED_S, Asking
from codelab_operator.children import ObjectKey, Offering
from codelab_operator.findings import Health
from codelab_operator.memory import LOOK_AGAIN_S, REJECTED_S
from codelab_operator.observations import AgentKey
from codelab_operator.reconcile import STATUS_S
from codelab_operator.workqueue import Outcome
from fakes.clock import HandClock
from fakes.cluster import writes
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from fakes.cluster.writes import Write
from harness.driven import Driven, turns

A = AgentKey("ns", "a")
CHILDREN = 18
"""15, and 3 monitors."""


def make(cluster: FakeCluster, spec: dict[str, Any] | None = None) -> None:
    """A person makes the agent."""
    body = {"metadata": {"name": "a"}, "spec": spec or {}}
    agents = cluster.store.of("CodelabAgent")
    writes.create(cluster.store, agents, Write("ns", "a", "kubectl"), body)


def edit(cluster: FakeCluster, change: dict[str, Any], kind: str = KIND, name: str = "a") -> None:
    """A person merges a change."""
    write = Write("ns", name, "kubectl")
    writes.patch(cluster.store, cluster.store.of(kind), write, change)


def status(cluster: FakeCluster) -> dict[str, Any]:
    """The agent's status."""
    found: dict[str, Any] = cluster.objects(KIND)["ns", "a"]["status"]
    return found


def reason(cluster: FakeCluster, kind: str = "Ready") -> str:
    """Status and reason of a condition, such as `True Available`; empty where there is none."""
    listed = status(cluster)["conditions"]
    found = [f"{it['status']} {it['reason']}" for it in listed if it["type"] == kind]
    return found[0] if found else ""


def told(driven: Driven) -> list[str]:
    """Reasons of the events so far."""
    return [note.reason for note in driven.around.told]


@pytest.fixture
async def ready(driven: Driven, cluster: FakeCluster) -> Driven:
    """The agent is Ready and nothing is due; log and events are empty."""
    make(cluster)
    await driven.settle()
    cluster.log.clear()
    driven.around.told.clear()
    return driven


async def test_an_agent_costs_a_write_for_each_child_and_two_for_its_status(
    driven: Driven, cluster: FakeCluster
) -> None:
    make(cluster)

    await driven.settle()

    kinds = [request.kind for request in cluster.log]
    assert reason(cluster) == "True Available"
    assert (len(kinds), kinds.count(KIND)) == (CHILDREN + 2, 2)
    assert told(driven) == ["Created", "Ready"]
    assert driven.around.followed == {A: Asking((), SETTLED_S)}


async def test_secrets_are_written_before_the_pods_that_mount_them(
    driven: Driven, cluster: FakeCluster
) -> None:
    make(cluster)

    await driven.settle()

    kinds = [request.kind for request in cluster.log]
    assert kinds[:2] == ["Secret", "Secret"]


async def test_at_rest_a_look_at_every_agent_asks_for_nothing(
    ready: Driven, cluster: FakeCluster
) -> None:
    await ready.resync()

    assert cluster.log == []
    assert told(ready) == []


async def test_the_time_until_ready_is_measured_for_each_generation_once(
    ready: Driven, cluster: FakeCluster
) -> None:
    await ready.resync()
    edit(cluster, {"spec": {"gateway": {"replicas": 2}}})
    await ready.settle()

    name = "codelab_operator_ready_seconds_count"
    assert ready.metrics.registry.get_sample_value(name) == 2.0
    assert ready.reconciler.census() == {"true": 1, "false": 0}


async def test_a_drifted_child_is_one_write_and_counted(
    ready: Driven, cluster: FakeCluster
) -> None:
    edit(cluster, {"spec": {"sessionAffinity": "ClientIP"}}, "Service", "a-gateway")

    await ready.settle()

    assert [(r.verb, r.kind, r.name) for r in cluster.log] == [("apply", "Service", "a-gateway")]
    name = "codelab_operator_drift_repairs_total"
    assert ready.metrics.registry.get_sample_value(name, {"kind": "Service"}) == 1.0


async def test_the_third_repair_within_a_minute_is_the_last_for_ten_minutes(
    ready: Driven, cluster: FakeCluster
) -> None:
    for turn in range(5):
        edit(cluster, {"spec": {"sessionAffinity": f"x{turn}"}}, "Service", "a-gateway")
        await ready.settle()
    during = [r.kind for r in cluster.writes]
    stalled = reason(cluster, "Stalled")

    await ready.resync()

    services = cluster.objects("Service")
    assert during.count("Service") == 3
    assert stalled == "True DriftFight"
    assert ready.metrics.registry.get_sample_value("codelab_operator_drift_fights_total") == 1.0
    assert services["ns", "a-gateway"]["spec"]["sessionAffinity"] == "None"
    assert reason(cluster) == "True Available"


async def test_a_specification_that_is_not_understood_is_said_and_nothing_is_written(
    ready: Driven, cluster: FakeCluster
) -> None:
    edit(cluster, {"spec": {"gateway": {"replicas": "many"}}})

    await ready.settle()

    assert [(r.kind, r.subresource) for r in cluster.log] == [(KIND, "status")]
    assert reason(cluster, "Stalled") == "True InvalidSpec"


async def test_a_paused_agent_has_a_status_and_nothing_else(
    ready: Driven, cluster: FakeCluster
) -> None:
    edit(cluster, {"spec": {"paused": True, "gateway": {"replicas": 3}}})
    await ready.settle()

    assert {(r.kind, r.subresource) for r in cluster.log} == {(KIND, "status")}
    assert reason(cluster) == "False Paused"


async def test_an_agent_that_is_being_deleted_is_left_alone(
    ready: Driven, cluster: FakeCluster
) -> None:
    agents = cluster.store.of(KIND)
    live = agents.objects["ns", "a"]
    write = Write("ns", "a", "kubectl")
    metadata = live.manifest["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    writes.edit(cluster.store, agents, write, live.manifest | {"metadata": metadata})

    await ready.settle()

    assert cluster.log == []
    assert ready.around.followed == {}
    assert ready.reconciler.census() == {"true": 0, "false": 0}


async def test_a_pass_over_an_agent_that_is_gone_comes_to_nothing(driven: Driven) -> None:
    assert await driven.reconciler(A) == Outcome()


@pytest.mark.parametrize(
    ("times", "events"),
    [pytest.param(1, [], id="passes"), pytest.param(4, ["NotReady", "Ready"], id="lasts")],
)
async def test_a_failure_that_passes_is_not_told_but_one_that_lasts_is(
    ready: Driven, cluster: FakeCluster, times: int, events: list[str]
) -> None:
    cluster.faults.add(Fault("apply", "Service", times=times, status=503))
    services = cluster.store.of("Service")
    cluster.store.drop(services, services.objects["ns", "a-gateway"])

    await ready.settle()

    assert reason(cluster) == "True Available"
    assert told(ready) == events
    assert [r.kind for r in cluster.log].count(KIND) == len(events)


async def test_after_a_failure_the_queue_waits_as_long_as_the_server_asks(
    driven: Driven, cluster: FakeCluster
) -> None:
    cluster.faults.add(Fault("apply", "Service", status=429, retry_after_s=17))
    make(cluster)
    driven.deliver_all()

    outcome = await driven.reconciler(A)

    assert outcome == Outcome(is_failure=True, at_least_s=17.0)


async def test_a_refused_child_is_left_alone_for_this_generation(
    driven: Driven, cluster: FakeCluster, clock: HandClock
) -> None:
    fault = cluster.faults.add(Fault("apply", "NetworkPolicy", "a-redis", times=-1, status=422))
    make(cluster)
    await driven.settle()
    edit(cluster, {"spec": {"sessionAffinity": "ClientIP"}}, "Service", "a-redis")
    await driven.settle()
    sent = [r for r in cluster.writes if r.kind == "NetworkPolicy" and r.name == "a-redis"]
    stalled = reason(cluster, "Stalled")

    cluster.faults.clear()
    await driven.resync(REJECTED_S + 1)

    assert fault.times < -1
    assert len(sent) == 1
    assert stalled == "True ChildRejected"
    assert reason(cluster) == "True Available"


async def test_missing_rights_are_tried_again_after_a_minute(
    driven: Driven, cluster: FakeCluster
) -> None:
    cluster.faults.add(Fault("apply", "Service", "a-redis", status=403))
    make(cluster)
    driven.deliver_all()

    outcome = await driven.reconciler(A)
    said = reason(cluster, "Stalled")
    await driven.settle()

    assert outcome == Outcome(again_in_s=LOOK_AGAIN_S)
    assert said == "True Forbidden"
    assert reason(cluster) == "True Available"


async def test_a_kind_that_is_not_served_any_more_is_looked_for(
    driven: Driven, cluster: FakeCluster
) -> None:
    key = ("monitoring.coreos.com/v1", "servicemonitors")
    cluster.store.collections.pop(key)
    make(cluster)
    agents = cluster.store.of(KIND)
    driven.intake.is_complete = True
    driven._take({"type": "ADDED", "object": agents.objects["ns", "a"].manifest})

    await driven.reconciler(A)

    assert driven.around.rediscoveries == 1


async def test_a_status_that_somebody_else_overtook_is_written_anew(
    driven: Driven, cluster: FakeCluster
) -> None:
    make(cluster)
    driven.deliver_all()
    edit(cluster, {"metadata": {"labels": {"team": "blue"}}})

    outcome = await driven.reconciler(A)
    await driven.settle()

    assert outcome.is_failure
    assert next(r.status for r in cluster.log if r.kind == KIND) == 409
    assert reason(cluster) == "True Available"


async def test_what_services_said_before_this_process_began_stands_until_they_are_asked(
    driven: Driven, cluster: FakeCluster, clock: HandClock
) -> None:
    """A restart over agents that are as they should be writes nothing."""
    outside = [{"name": "o", "kind": "ollama", "baseUrl": "https://o", "models": [{"id": "m"}]}]
    driven.around.facts = Health(None, {"o": "timeout"})
    make(cluster, {"llmproxy": {"providers": outside}})
    await driven.settle()
    cluster.log.clear()

    fresh = Driven(cluster, clock)
    fresh.around.facts = None
    await fresh.settle()

    assert status(cluster)["providers"] == [{"name": "o", "state": "timeout", "message": "timeout"}]
    assert cluster.writes == []
    assert fresh.around.followed == {A: Asking(("llmproxy",))}


async def test_small_changes_of_a_status_are_a_second_apart_and_readiness_is_told_at_once(
    ready: Driven, cluster: FakeCluster, clock: HandClock
) -> None:
    cluster.controllers.delay_s = 3600.0
    edit(cluster, {"spec": {"gateway": {"replicas": 2}}})
    await turns()
    ready.deliver_all()
    await ready.passes()
    first = [r.kind for r in cluster.log].count(KIND)
    ready.around.facts = Health({"redis": "ok"}, {"scripted": "timeout"})

    outcome = await ready.reconciler(A)
    clock.advance(STATUS_S)
    ready.deliver_all()
    await ready.reconciler(A)

    assert first == 1
    assert outcome.again_in_s is not None
    assert outcome.again_in_s <= STATUS_S
    assert [r.kind for r in cluster.log].count(KIND) == 2
    assert reason(cluster, "ProvidersReady") == "False Unreachable"


async def test_who_does_not_lead_writes_nothing_and_tries_again(
    driven: Driven, cluster: FakeCluster
) -> None:
    driven.leads = False
    make(cluster)
    driven.deliver_all()

    outcome = await driven.reconciler(A)

    assert outcome.is_failure
    assert cluster.log == []


async def test_a_lost_secret_of_pods_that_do_not_start_is_made_again(
    driven: Driven, cluster: FakeCluster, clock: HandClock
) -> None:
    """Secrets are not watched: what misses one does not become available."""
    cluster.controllers.delay_s = 3600.0
    make(cluster)
    await turns()
    driven.deliver_all()
    await driven.passes()
    secrets = cluster.store.of("Secret")
    cluster.store.drop(secrets, secrets.objects["ns", "a-internal"])

    cluster.log.clear()
    await driven.reconciler(A)
    soon = [r for r in cluster.log if r.kind == "Secret"]
    clock.advance(61.0)
    await driven.passes()

    assert soon == []
    assert ("ns", "a-internal") in cluster.objects("Secret")


async def test_the_token_between_services_is_replaced_in_three_steps_while_nothing_rolls(
    ready: Driven, cluster: FakeCluster, clock: HandClock
) -> None:
    edit(cluster, {"spec": {"internalAuth": {"rotation": "2"}}})

    await ready.settle()

    patches = [r for r in cluster.writes if r.kind == "Secret"]
    assert len(patches) == 3
    assert status(cluster)["internalAuth"] == {"rotation": "2", "phase": "Stable"}
    assert "TokenRotated" in told(ready)
    assert all(len(seen) == 1 for seen in cluster.controllers.templates.values())


async def test_monitors_come_when_their_kind_is_offered(
    driven: Driven, cluster: FakeCluster
) -> None:
    driven.around.offered = Offering()
    make(cluster)
    await driven.settle()
    before = len(cluster.objects("ServiceMonitor"))

    driven.around.offered = Offering(service_monitors=True)
    await driven.resync(1.0)

    assert before == 0
    assert len(cluster.objects("ServiceMonitor")) == 3
    assert reason(cluster, "MonitoringReady") == "True Applied"


async def test_a_foreign_object_of_our_name_is_a_conflict_until_it_is_gone(
    driven: Driven, cluster: FakeCluster
) -> None:
    foreign = {"metadata": {"name": "a-gateway"}, "spec": {"sessionAffinity": "ClientIP"}}
    services = cluster.store.of("Service")
    writes.create(cluster.store, services, Write("ns", "a-gateway", "them"), foreign)
    make(cluster)
    await driven.settle(horizon_s=30.0)
    stalled, live = reason(cluster, "Stalled"), cluster.objects("Service")["ns", "a-gateway"]

    cluster.store.drop(services, services.objects["ns", "a-gateway"])
    await driven.resync(LOOK_AGAIN_S + 1)

    assert stalled == "True ChildConflict"
    assert live["spec"]["sessionAffinity"] == "ClientIP"
    assert reason(cluster) == "True Available"


async def test_every_write_is_in_our_name(driven: Driven, cluster: FakeCluster) -> None:
    make(cluster)

    await driven.settle()

    assert {r.manager for r in cluster.writes} == {FIELD_MANAGER}
    agent = ObjectKey(GROUP_VERSION, KIND, "ns", "a")
    assert agent not in driven.live.awaited
