"""The whole operator in this process: stands by, leads, works, gives the lead away."""

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator.app import Operator
from codelab_operator.settings import OperatorSettings
from fakes.cluster import writes
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from fakes.cluster.writes import Write
from harness.waiting import until

Ended = list[str]


def settings(cluster: FakeCluster, name: str = "one", **more: object) -> OperatorSettings:
    """Short times, a free port."""
    usual = {
        "api_url": cluster.url,
        "host": "127.0.0.1",
        "port": 0,
        "pod_name": name,
        "lease_poll_s": 0.02,
        "lease_renew_s": 0.2,
        "health_url": cluster.url + "/health/{namespace}/{service}",
    }
    return OperatorSettings.exactly(**(usual | more))


@asynccontextmanager
async def running(given: OperatorSettings, ended: Ended | None = None) -> AsyncIterator[Operator]:
    """An operator that runs, until it is told to stop."""
    endings = ended if ended is not None else []
    operator = Operator(given, lambda: endings.append("end"))
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(operator.run())
        try:
            yield operator
        finally:
            operator.stopping.set()


def make(cluster: FakeCluster, name: str = "a") -> None:
    """A person makes an agent."""
    agents = cluster.store.of("CodelabAgent")
    body = {"metadata": {"name": name}, "spec": {}}
    writes.create(cluster.store, agents, Write("ns", name, "kubectl"), body)


def is_ready(cluster: FakeCluster, name: str = "a") -> bool:
    """Whether an agent is Ready."""
    status = cluster.objects("CodelabAgent")["ns", name]["status"]
    found = {c["type"]: c["status"] for c in status["conditions"]}
    return found.get("Ready") == "True"


def holder(cluster: FakeCluster) -> str:
    """Who has the Lease; empty: nobody."""
    leases = cluster.objects("Lease")
    return str(leases["default", "codelab-operator"]["spec"]["holderIdentity"]) if leases else ""


async def asked(port: int, path: str) -> tuple[int, str]:
    """Status and text of a probe."""

    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    return await asyncio.to_thread(ask)


async def test_it_leads_makes_agents_ready_and_gives_the_lead_away(cluster: FakeCluster) -> None:
    make(cluster)

    async with running(settings(cluster)):
        await until(lambda: is_ready(cluster))
        leading = holder(cluster)
        make(cluster, "b")
        await until(lambda: is_ready(cluster, "b"))

    assert re.fullmatch(r"one_[0-9a-f]{8}", leading)
    assert holder(cluster) == ""


async def test_after_it_was_told_to_stop_the_lead_is_free_at_once(
    cluster: FakeCluster,
) -> None:
    async with running(settings(cluster)) as operator:
        await until(lambda: holder(cluster))
        asked_at = SYSTEM_CLOCK.monotonic()
        operator.stopping.set()
        await until(lambda: not holder(cluster))
        took_s = SYSTEM_CLOCK.monotonic() - asked_at

    assert took_s < 3.0


async def test_a_write_that_hangs_holds_the_lead_for_a_second_at_most(
    cluster: FakeCluster,
) -> None:
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.sleep(3600)

    cluster.faults.add(Fault("apply", "Service", times=-1, before=hang))
    make(cluster)

    async with running(settings(cluster)) as operator:
        await reached.wait()
        asked_at = SYSTEM_CLOCK.monotonic()
        operator.stopping.set()
        await until(lambda: not holder(cluster))
        took_s = SYSTEM_CLOCK.monotonic() - asked_at

    assert 1.0 <= took_s < 3.0


async def test_probes_are_green_while_it_stands_by_and_while_it_leads(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "codelab_operator.app")
    async with running(settings(cluster)):
        await until(lambda: holder(cluster))
        async with running(settings(cluster, "two")) as second:
            await until(lambda: second._election.has_looked)
            ports = [r.__dict__["port"] for r in caplog.records if r.message == "started"]
            await until(lambda: cluster.store.of("CodelabAgent").readers)
            probes = [await asked(port, path) for port in ports for path in ("/healthz", "/readyz")]
            counters = [(await asked(port, "/metrics"))[1] for port in ports]

    assert probes == [
        (200, "ok"),
        (200, "leading; watching"),
        (200, "ok"),
        (200, "standby; not watching: no CodelabAgent definition"),
    ]
    assert "\ncodelab_operator_leader 1.0\n" in counters[0]
    assert "\ncodelab_operator_leader 0.0\n" in counters[1]


async def test_a_candidate_that_never_saw_the_lease_is_not_ready(cluster: FakeCluster) -> None:
    cluster.faults.add(Fault("get", "Lease", times=-1, status=500))

    async with running(settings(cluster)) as operator:
        await until(lambda: cluster.log)

        assert not operator._is_ready().passes
        assert operator._is_alive().passes


async def test_silent_streams_show_in_liveness(cluster: FakeCluster) -> None:
    async with running(settings(cluster)) as operator:
        await until(lambda: cluster.store.of("Lease").readers)
        await until(lambda: operator._is_alive().passes)
        operator._intake.lease_seen_at -= 3600.0
        cluster.disturbances["Lease"].silent = True

        verdict = operator._is_alive()

    assert not verdict.passes
    assert verdict.text == "own Lease not seen on a stream"


async def test_a_loop_that_stands_shows_in_liveness(cluster: FakeCluster) -> None:
    async with running(settings(cluster)) as operator:
        await until(lambda: holder(cluster))
        operator._beat_at -= 60.0

        assert operator._is_alive().text == "event loop stalled"


async def test_a_queue_that_stands_shows_in_liveness_of_a_leader(cluster: FakeCluster) -> None:
    async with running(settings(cluster)) as operator:
        await until(lambda: operator._is_leading)
        operator._oldest_due_s = 121.0

        assert operator._is_alive().text == "queue stalled"


async def test_streams_begin_anew_when_an_optional_kind_comes(cluster: FakeCluster) -> None:
    monitors = cluster.store.collections.pop(("monitoring.coreos.com/v1", "servicemonitors"))
    make(cluster)

    async with running(settings(cluster, discovery_s=0.2)):
        await until(lambda: is_ready(cluster))
        cluster.store.serve(monitors.resource)
        await until(lambda: len(cluster.objects("ServiceMonitor")) == 3)

    assert is_ready(cluster)


async def test_every_agent_is_looked_at_now_and_then(cluster: FakeCluster) -> None:
    """What no stream told is repaired all the same."""
    make(cluster)

    async with running(settings(cluster, resync_s=0.3)) as operator:
        await until(lambda: is_ready(cluster))
        known = operator._cluster.observations
        key = next(key for key in known._seen if key.kind == "Service")
        known._forget(key)
        cluster.log.clear()
        await until(lambda: cluster.writes)

    assert cluster.writes[0].name == key.name


async def test_a_place_where_nothing_can_be_served_ends_it(cluster: FakeCluster) -> None:
    operator = Operator(settings(cluster, host="203.0.113.1"))

    with pytest.raises(OSError, match="assign"):
        await operator.run()

    assert cluster.log == []
