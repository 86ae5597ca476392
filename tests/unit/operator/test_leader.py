"""The election over a real Lease: one leader, and an end when it is lost."""

import asyncio
from collections.abc import Callable

from codelab_operator.kube import Kube
from codelab_operator.leader import Election
from codelab_operator.settings import OperatorSettings
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from fakes.still_clock import StillClock

SETTINGS = OperatorSettings.exactly(
    lease_renew_s=0.01, lease_poll_s=0.01, lease_duration_s=15, lease_deadline_s=10.0
)


def election(kube: Kube, clock: StillClock, name: str, ended: list[str]) -> Election:
    """A candidate that notes its end."""
    return Election(kube, SETTINGS, name, clock, lambda: ended.append(name))


def holder(cluster: FakeCluster) -> str:
    """Who has the Lease."""
    lease = cluster.objects("Lease")["default", "codelab-operator"]
    return str(lease["spec"]["holderIdentity"])


async def soon(is_so: Callable[[], bool]) -> None:
    """Wait for what the other task does next."""
    for _ in range(400):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_the_first_candidate_wins_and_may_write_until_the_deadline(
    kube: Kube, cluster: FakeCluster, clock: StillClock
) -> None:
    first = election(kube, clock, "first", [])

    await first.win()

    assert holder(cluster) == "first"
    assert first.has_looked
    assert first.may_write()
    clock.go(10.0)
    assert not first.may_write()


async def test_the_second_candidate_wins_when_the_first_has_let_go(
    kube: Kube, cluster: FakeCluster, clock: StillClock
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


async def test_an_expired_lease_is_taken(
    kube: Kube, cluster: FakeCluster, clock: StillClock
) -> None:
    first, second = (election(kube, clock, name, []) for name in ("first", "second"))
    await first.win()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(second.win())
        await soon(lambda: second.has_looked)
        clock.go(15.0)
        await waiting

    assert holder(cluster) == "second"
    assert not first.may_write()


async def test_a_leader_that_cannot_renew_ends_at_the_deadline(
    kube: Kube, cluster: FakeCluster, clock: StillClock
) -> None:
    ended: list[str] = []
    first = election(kube, clock, "first", ended)
    await first.win()
    cluster.faults.add(Fault("update", "Lease", times=-1, status=500))

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(first.keep())
        clock.go(10.0)
        await first.watch_deadline()
        renewing.cancel()

    assert ended == ["first"]


async def test_a_leader_whose_lease_was_taken_ends_at_once(
    kube: Kube, cluster: FakeCluster, clock: StillClock
) -> None:
    ended: list[str] = []
    first, second = election(kube, clock, "first", ended), election(kube, clock, "second", [])
    await first.win()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(second.win())
        await soon(lambda: second.has_looked)
        clock.go(15.0)
        await waiting

        renewing = tasks.create_task(first.keep())
        await soon(lambda: bool(ended))
        renewing.cancel()

    assert set(ended) == {"first"}
    assert holder(cluster) == "second"
