"""A fake API server and a client of it."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator.connection import Connection
from codelab_operator.kube import Kube
from codelab_operator.metrics import Metrics
from fakes.clock import HandClock
from fakes.cluster.server import FakeCluster
from fakes.cluster.serving import fake_cluster
from harness.driven import Driven


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    """An empty cluster."""
    async with fake_cluster() as made:
        yield made


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands."""
    return HandClock()


@pytest.fixture
def metrics() -> Metrics:
    """Counters of one test."""
    return Metrics(CollectorRegistry())


@pytest.fixture
async def kube(cluster: FakeCluster, metrics: Metrics) -> AsyncIterator[Kube]:
    """A client of the cluster."""
    place = Connection(cluster.url, None, None, SYSTEM_CLOCK.monotonic)
    made = Kube(place, metrics, SYSTEM_CLOCK, "test")
    yield made
    await made.close()


@pytest.fixture
def driven(cluster: FakeCluster, clock: HandClock) -> Driven:
    """An operator whose time and streams are in the hands of the test."""
    return Driven(cluster, clock)
