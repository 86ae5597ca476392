"""The election over a real Lease: one leader, and an end when it is lost."""

import asyncio

from codelab_operator.kube import Kube
from codelab_operator.leader import Election
from codelab_operator.settings import OperatorSettings
from fakes.clock import HandClock
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from harness.waiting import until

SETTINGS = OperatorSettings.exactly(
    lease_renew_s=0.01, lease_poll_s=0.01, lease_duration_s=15, lease_deadline_s=10.0
)


def election(kube: Kube, clock: HandClock, name: str, ended: list[str]) -> Election:
    """A candidate that notes its end."""
    return Election(kube, SETTINGS, name, clock, lambda: ended.append(name))


def holder(cluster: FakeCluster) -> str:
    """Who has the Lease."""
    lease = cluster.objects("Lease")["default", "codelab-operator"]
    return str(lease["spec"]["holderIdentity"])


async def test_the_first_candidate_wins_and_may_write_until_the_deadline(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    first = election(kube, clock, "first", [])

    await first.win()

    assert holder(cluster) == "first"
    assert first.has_looked
    assert first.may_write()
    clock.advance(10.0)
    assert not first.may_write()


async def test_the_second_candidate_wins_when_the_first_has_let_go(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    first, second = (election(kube, clock, name, []) for name in ("first", "second"))
    await first.win()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(second.win())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await first.release()

    assert holder(cluster) == "second"
    assert not first.may_write()


async def test_a_lead_is_released_even_if_the_answer_to_its_last_renewal_was_lost(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    first = election(kube, clock, "first", [])
    await first.win()
    landed = asyncio.Event()

    async def hold() -> None:
        landed.set()
        await asyncio.sleep(3600)

    cluster.faults.add(Fault("update", "Lease", after=hold))
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(first.keep())
        await landed.wait()
        renewing.cancel()
    await first.release()

    assert holder(cluster) == ""


async def test_what_somebody_else_has_is_not_released(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    first, second = (election(kube, clock, name, []) for name in ("first", "second"))
    await first.win()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(second.win())
        await until(lambda: second.has_looked)
        clock.advance(15.0)
        await waiting

    await first.release()

    assert holder(cluster) == "second"


async def test_a_candidate_that_never_led_asks_nothing_at_its_end(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    await election(kube, clock, "first", []).release()

    assert cluster.log == []


async def test_a_lease_that_cannot_be_released_expires(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    first = election(kube, clock, "first", [])
    await first.win()
    cluster.faults.add(Fault("update", "Lease", status=500))

    await first.release()

    assert holder(cluster) == "first"
    assert not first.may_write()


async def test_an_expired_lease_is_taken(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    first, second = (election(kube, clock, name, []) for name in ("first", "second"))
    await first.win()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(second.win())
        await until(lambda: second.has_looked)
        clock.advance(15.0)
        await waiting

    assert holder(cluster) == "second"
    assert not first.may_write()


async def test_a_leader_that_cannot_renew_ends_at_the_deadline(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    ended: list[str] = []
    first = election(kube, clock, "first", ended)
    await first.win()
    cluster.faults.add(Fault("update", "Lease", times=-1, status=500))

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(first.keep())
        clock.advance(10.0)
        await first.watch_deadline()
        renewing.cancel()

    assert ended == ["first"]


async def test_a_leader_whose_lease_was_taken_ends_at_once(
    kube: Kube, cluster: FakeCluster, clock: HandClock
) -> None:
    ended: list[str] = []
    first, second = election(kube, clock, "first", ended), election(kube, clock, "second", [])
    await first.win()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(second.win())
        await until(lambda: second.has_looked)
        clock.advance(15.0)
        await waiting

        renewing = tasks.create_task(first.keep())
        await until(lambda: bool(ended))
        renewing.cancel()

    assert set(ended) == {"first"}
    assert holder(cluster) == "second"
