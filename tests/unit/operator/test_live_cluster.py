"""Writes go through fence and limit, and are known before any stream shows them."""

import asyncio

import pytest

from codelab_operator.api_errors import ApiError, FencedError
from codelab_operator.api_group import AGENT_LABEL
from codelab_operator.children import ObjectKey
from codelab_operator.kube import Kube
from codelab_operator.live_cluster import LiveCluster
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey, sighting
from fakes.clock import HandClock
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster

KEY = ObjectKey("v1", "Service", "ns", "s")


def manifest(kind: str = "Service") -> dict[str, object]:
    """An object of agent `a`."""
    metadata = {"name": "s", "namespace": "ns", "labels": {AGENT_LABEL: "a"}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def live(kube: Kube, clock: HandClock, metrics: Metrics, *, leads: bool = True) -> LiveCluster:
    """A cluster as seen by a leader, or by somebody else."""
    return LiveCluster(kube, lambda: leads, clock, metrics)


async def test_a_write_is_known_at_once_and_awaited_on_the_stream(
    kube: Kube, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics)

    answer = await ours.apply(manifest(), force=False)
    known = list(ours.observe(AgentKey("ns", "a")).children)
    waiting = list(ours.awaited)
    is_news = ours.saw(sighting(answer))

    assert known == waiting == [KEY]
    assert not is_news
    assert ours.awaited == {}


async def test_secrets_are_neither_kept_nor_awaited(
    kube: Kube, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics)

    await ours.create(manifest("Secret"))

    assert len(ours.observations) == 0
    assert ours.awaited == {}


async def test_who_does_not_lead_sends_nothing(
    kube: Kube, cluster: FakeCluster, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics, leads=False)

    with pytest.raises(FencedError):
        await ours.apply(manifest(), force=True)

    assert cluster.log == []


async def test_after_closing_nothing_is_sent_any_more(
    kube: Kube, cluster: FakeCluster, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics)
    await ours.close(1.0)

    with pytest.raises(FencedError):
        await ours.create(manifest())

    assert cluster.log == []


async def test_closing_waits_for_writes_under_way(
    kube: Kube, cluster: FakeCluster, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics)
    arrived, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        arrived.set()
        await go.wait()

    cluster.faults.add(Fault("create", before=hold))
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(ours.create(manifest()))
        await arrived.wait()
        closing = tasks.create_task(ours.close(4.0))
        go.set()
        await closing

    assert len(ours.observations) == 1


async def test_too_many_requests_halve_the_limit(
    kube: Kube, cluster: FakeCluster, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics)
    cluster.faults.add(Fault("create", status=429))

    with pytest.raises(ApiError):
        await ours.create(manifest())

    assert metrics.registry.get_sample_value("codelab_operator_write_limit") == 16.0


async def test_a_delete_names_the_object_that_was_seen_and_one_that_is_gone_is_fine(
    kube: Kube, cluster: FakeCluster, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics)
    await ours.create(manifest())

    cluster.faults.add(Fault("delete", status=404))
    await ours.delete(KEY)
    await ours.delete(KEY)

    assert [r.verb for r in cluster.log] == ["create", "delete"]
    assert ours.observe(AgentKey("ns", "a")).children == {}


async def test_the_end_of_an_object_is_news_once(
    kube: Kube, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics)
    answer = await ours.apply(manifest(), force=False)

    assert ours.lost(KEY, answer["metadata"]["uid"])
    assert not ours.lost(KEY, answer["metadata"]["uid"])


async def test_a_merge_and_a_read_pass_through(
    kube: Kube, clock: HandClock, metrics: Metrics
) -> None:
    ours = live(kube, clock, metrics)
    await ours.create(manifest())

    await ours.merge(KEY, {"metadata": {"labels": {"team": "blue"}}})

    labels = (await ours.read(KEY))["metadata"]["labels"]
    assert labels == {AGENT_LABEL: "a", "team": "blue"}
