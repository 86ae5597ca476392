"""Events for people: posted one after the other, lost rather than waited for."""

import asyncio

from codelab_operator.events import LONGEST_NOTE, LONGEST_QUEUE, Events, Note
from codelab_operator.kube import Kube
from codelab_operator.metrics import Metrics
from fakes.clock import HandClock
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from harness.waiting import until

AGENT = {"metadata": {"namespace": "ns", "name": "a", "uid": "u", "labels": {}}}
LOST = "codelab_operator_events_lost_total"


async def posted(events: Events, cluster: FakeCluster, count: int) -> None:
    """Let events run until so many requests were made."""
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(events.run())
        await until(lambda: len(cluster.log) >= count)
        running.cancel()


async def test_an_event_says_what_about_whom(
    kube: Kube, cluster: FakeCluster, clock: HandClock, metrics: Metrics
) -> None:
    events = Events(kube, "pod_1", clock, metrics)

    events.tell(AGENT, Note("Warning", "DriftFight", "x" * 2000))
    await posted(events, cluster, 1)

    (event,) = cluster.objects("Event").values()
    assert event["regarding"] == {
        "apiVersion": "codelab.dev/v1beta1",
        "kind": "CodelabAgent",
        "namespace": "ns",
        "name": "a",
        "uid": "u",
    }
    assert (event["type"], event["reason"], len(event["note"])) == (
        "Warning",
        "DriftFight",
        LONGEST_NOTE,
    )
    assert (event["reportingController"], event["reportingInstance"]) == (
        "codelab-operator",
        "pod_1",
    )
    assert event["eventTime"] == "1970-01-01T00:16:40.000000Z"


async def test_a_refused_event_is_lost_and_the_next_one_is_posted(
    kube: Kube, cluster: FakeCluster, clock: HandClock, metrics: Metrics
) -> None:
    events = Events(kube, "pod_1", clock, metrics)
    cluster.faults.add(Fault("create", "Event", status=403))

    events.tell(AGENT, Note("Normal", "Created", ""))
    events.tell(AGENT, Note("Normal", "Ready", ""))
    await posted(events, cluster, 2)

    assert [e["reason"] for e in cluster.objects("Event").values()] == ["Ready"]
    assert metrics.registry.get_sample_value(LOST) == 1.0


async def test_too_many_events_are_lost_without_waiting(
    kube: Kube, clock: HandClock, metrics: Metrics
) -> None:
    events = Events(kube, "pod_1", clock, metrics)

    for _ in range(LONGEST_QUEUE + 7):
        events.tell(AGENT, Note("Normal", "Ready", ""))

    assert metrics.registry.get_sample_value(LOST) == 7.0
