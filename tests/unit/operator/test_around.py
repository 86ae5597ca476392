"""What surrounds a pass goes to whoever is responsible for it."""

import asyncio

from codelab_operator.around import Around
from codelab_operator.asking import Asking
from codelab_operator.children import Offering
from codelab_operator.discovery import Discovery
from codelab_operator.events import Events, Note
from codelab_operator.findings import Health
from codelab_operator.health import HealthChecks
from codelab_operator.kinds import Kind
from codelab_operator.kube import Kube
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey
from codelab_operator.settings import OperatorSettings
from fakes.clock import HandClock
from fakes.cluster.server import FakeCluster
from harness.waiting import until

A = AgentKey("ns", "a")


async def test_each_question_and_message_reaches_its_place(
    kube: Kube, cluster: FakeCluster, clock: HandClock, metrics: Metrics
) -> None:
    served: list[tuple[Kind, ...]] = []
    changed: list[AgentKey] = []

    async def serve(kinds: tuple[Kind, ...]) -> None:
        served.append(kinds)

    cluster.health = {"ns/a-llmproxy": {"checks": {"scripted": "ok"}}}
    url = cluster.url + "/health/{namespace}/{service}"
    around = Around(
        Discovery(kube, OperatorSettings.exactly(), serve),
        HealthChecks(url, clock, lambda low, _: low, changed.append),
        Events(kube, "us", clock, metrics),
    )
    agent = {"metadata": {"namespace": "ns", "name": "a", "uid": "u"}}

    around.ask(A, Asking(("llmproxy",)))
    around.tell(agent, Note("Normal", "Ready", "it is"))
    around.rediscover()
    is_asked_to_look = around.discovery.look.is_set()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(work.run())
            for work in (around.discovery, around.checks, around.events)
        ]
        await until(lambda: served and changed and cluster.objects("Event"))
        for task in running:
            task.cancel()

    assert is_asked_to_look
    assert around.offering() == Offering(
        service_monitors=True, http_routes=True, operator_namespace="default"
    )
    assert around.health(A) == Health(None, {"scripted": "ok"})
    around.forgotten(A)
    assert around.health(A) is None
