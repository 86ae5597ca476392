"""What an agent lacks is told by its status, and made up for when it is there."""

from fakes.cluster.faults import Fault
from fakes.cluster.kinds import SERVICE_MONITORS
from harness.operators import Bench, bench


async def test_a_quota_of_objects_is_said_and_over_when_there_is_room(stage: Bench) -> None:
    spent = Fault("apply", "Service", "a-redis", times=-1, status=403, reason="Forbidden")
    stage.cluster.faults.add(spent)
    stage.start()

    stage.agent()
    await stage.until(lambda: stage.condition("Stalled").get("reason") == "Forbidden")
    spent.times = 0
    stage.edit("CodelabAgent", "a", {"spec": {"gateway": {"replicas": 2}}})
    await stage.until(stage.is_ready)

    assert stage.condition("Stalled") == {}


async def test_a_store_that_is_away_is_told_by_pods_that_are_not_ready(stage: Bench) -> None:
    stage.cluster.health["ns/a-runtime-health"] = {"checks": {"redis": "error: ConnectionError"}}
    stage.start()

    stage.agent(spec={"redis": {"external": {"url": "redis://r"}}})
    await stage.until(lambda: stage.condition("RedisReady").get("reason") == "Unreachable")
    stage.cluster.health["ns/a-runtime"] = {"checks": {"redis": "ok"}}
    await stage.until(stage.is_ready, 15)

    assert stage.condition("RedisReady")["reason"] == "Available"


async def test_monitors_come_when_their_kind_is_installed(stage: Bench) -> None:
    async with bench(stage.folder, optional=()) as bare:
        bare.start("late", discovery_s=0.5)
        bare.agent()
        await bare.until(bare.is_ready)
        assert bare.condition("MonitoringReady")["reason"] == "CRDMissing"

        bare.cluster.store.serve(SERVICE_MONITORS)
        await bare.until(lambda: len(bare.cluster.objects("ServiceMonitor")) == 3)
        await bare.until(lambda: bare.condition("MonitoringReady").get("status") == "True")
        bare.delete("ServiceMonitor", "a-runtime")
        await bare.until(lambda: bare.find("ServiceMonitor", "a-runtime"))

    assert len(bare.cluster.objects("Deployment")) == 3


async def test_a_new_agent_makes_the_operator_look_for_kinds_again(stage: Bench) -> None:
    async with bench(stage.folder, optional=()) as bare:
        bare.start("slow", discovery_s=600)
        bare.agent()
        await bare.until(bare.is_ready)

        bare.cluster.store.serve(SERVICE_MONITORS)
        bare.agent("b")

        await bare.until(lambda: len(bare.cluster.objects("ServiceMonitor")) == 6)
