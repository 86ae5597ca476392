"""kopf as the keeper of streams: lists, events, ends, and streams that break."""

import ast
import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator import handlers
from codelab_operator.api_group import AGENT_LABEL
from codelab_operator.connection import Connection
from codelab_operator.handlers import SELECTOR, Streams, registry, tuned
from codelab_operator.inbox import Gone, Inbox, Item, Listing
from codelab_operator.kinds import AGENT, LEASE, kind_of
from codelab_operator.observations import Sighting
from codelab_operator.settings import OperatorSettings
from fakes.cluster import writes
from fakes.cluster.server import FakeCluster
from fakes.cluster.writes import Write
from harness.waiting import until

SERVICES = kind_of("v1", "Service")
WATCHED = ("Service", "CodelabAgent", "Lease")
LABELS = {"app.kubernetes.io/managed-by": "codelab-operator", AGENT_LABEL: "a"}


def service(cluster: FakeCluster, name: str, labels: dict[str, str]) -> None:
    """Make a Service."""
    body = {"metadata": {"name": name, "labels": labels}}
    writes.create(cluster.store, cluster.store.of("Service"), Write("ns", name, "me"), body)


@asynccontextmanager
async def streaming(cluster: FakeCluster, **settings: object) -> AsyncIterator[list[Item]]:
    """Streams of Services, agents and the Lease; what they deliver."""
    items: list[Item] = []
    failures: list[str] = []
    place = Connection(cluster.url, None, None, SYSTEM_CLOCK.monotonic)
    inbox = Inbox(items.append)
    streams = Streams(
        OperatorSettings.exactly(**settings),
        place,
        (SERVICES,),
        inbox.put,
        lambda: failures.append("ended"),
    )
    streams.start()
    try:
        await until(lambda: sum(isinstance(item, Listing) for item in items) >= 3)
        await until(lambda: all(cluster.store.of(name).readers for name in WATCHED))
        yield items
    finally:
        await streams.stop()
    assert failures == []


def named(items: list[Item], kind: type[Sighting] | type[Gone]) -> list[str]:
    """Names of the objects of which something was delivered."""
    return [item.key.name for item in items if isinstance(item, kind)]


async def test_what_is_there_is_listed_and_what_happens_is_delivered(cluster: FakeCluster) -> None:
    service(cluster, "before", LABELS)
    service(cluster, "foreign", {})

    async with streaming(cluster) as items:
        service(cluster, "after", LABELS)
        service(cluster, "also-foreign", {})
        await until(lambda: "after" in named(items, Sighting))
        write = Write("ns", "after")
        writes.delete(cluster.store, cluster.store.of("Service"), write, {})
        await until(lambda: "after" in named(items, Gone))

    listed = {item.plural: item.objects for item in items if isinstance(item, Listing)}
    assert set(listed) == {"services", "codelabagents", "leases"}
    assert [seen.key.name for seen in listed["services"]] == ["before"]
    assert set(named(items, Sighting)) == {"after"}


async def test_a_stream_that_has_expired_is_listed_anew(cluster: FakeCluster) -> None:
    service(cluster, "one", LABELS)

    async with streaming(cluster) as items:
        services = cluster.store.of("Service")
        cluster.store.drop(services, services.objects["ns", "one"])
        cluster.store.compact(services)
        await until(
            lambda: any(
                isinstance(item, Listing) and item.plural == "services" and not item.objects
                for item in items
            )
        )


async def test_a_stream_that_was_cut_goes_on_where_it_was(cluster: FakeCluster) -> None:
    """kopf is shown versions, not objects: it resumes from them, and lists nothing twice."""
    async with streaming(cluster) as items:
        service(cluster, "seen", LABELS)
        await until(lambda: "seen" in named(items, Sighting))
        trouble = cluster.disturbances["Service"]
        trouble.cut.set()
        services = cluster.store.of("Service")
        services.changed.set()
        await until(lambda: not services.readers)
        service(cluster, "missed", LABELS)
        trouble.cut.clear()
        await until(lambda: "missed" in named(items, Sighting))

    assert named(items, Sighting) == ["seen", "missed"]
    assert [item.plural for item in items if isinstance(item, Listing)].count("services") == 1


async def test_only_our_own_lease_is_watched(cluster: FakeCluster) -> None:
    leases = cluster.store.of("Lease")

    async with streaming(cluster, lease_name="ours") as items:
        for name in ("theirs", "ours"):
            writes.create(
                cluster.store, leases, Write("ns", name, "me"), {"metadata": {"name": name}}
            )
        await until(lambda: named(items, Sighting))

    assert named(items, Sighting) == ["ours"]


async def test_streams_that_end_unasked_are_told_of() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    place = Connection("http://127.0.0.1:1", None, None, SYSTEM_CLOCK.monotonic)

    def fail() -> None:
        loop.call_soon_threadsafe(ended.set)

    class Broken(Streams):
        """kopf that dies."""

        async def _watch(self) -> None:
            raise ZeroDivisionError

    Broken(OperatorSettings.exactly(), place, (), lambda _: None, fail).start()
    async with asyncio.timeout(5):
        await ended.wait()


def chosen(selectors: Mapping[Any, str]) -> list[tuple[str, str, str]]:
    """Group, plural and selector."""
    return [(kind.group, kind.any_name, text) for kind, text in selectors.items()]


def test_kopf_posts_scans_and_remembers_nothing() -> None:
    settings = tuned(OperatorSettings.exactly(lease_name="l"), (AGENT, LEASE, SERVICES))

    assert not settings.posting.enabled
    assert settings.scanning.disabled
    assert settings.peering.standalone
    assert settings.queueing.worker_limit is None
    assert chosen(settings.watching.label_selectors) == [("", "services", SELECTOR)]
    assert chosen(settings.watching.field_selectors) == [
        ("coordination.k8s.io", "leases", "metadata.name=l")
    ]
    assert settings.watching.inactivity_timeout == 70.0
    assert settings.watching.chunk_size == 100


def test_handlers_are_of_events_alone() -> None:
    """No finalizers, no annotations, no timers: kopf's other handlers write."""
    place = Connection("http://x", None, None, SYSTEM_CLOCK.monotonic)

    made = registry((AGENT, SERVICES), place, lambda _: None)

    assert len(made._watching.get_all_handlers()) == 2
    others = (made._changing, made._spawning, made._indexing, made._webhooks)
    assert [handler for other in others for handler in other.get_all_handlers()] == []


def test_no_handler_of_kopf_that_writes_is_named_here() -> None:
    names = {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(handlers)))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "kopf.on"
    }

    assert names == {"login", "event"}
