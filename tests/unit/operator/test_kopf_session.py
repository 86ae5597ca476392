"""The session of the streams: objects to the inbox, versions to kopf."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator.connection import Connection
from codelab_operator.inbox import Item, Listing
from codelab_operator.kopf_session import StreamSession
from codelab_operator.observations import Sighting
from fakes.cluster import writes
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from fakes.cluster.writes import Write

Listed = list[Item]


@pytest.fixture
def listed() -> Listed:
    """What reached the inbox."""
    return []


def lists(items: Listed) -> list[Listing]:
    """The lists in it."""
    return [item for item in items if isinstance(item, Listing)]


@pytest.fixture
async def session(cluster: FakeCluster, listed: Listed) -> AsyncIterator[StreamSession]:
    """A session without token."""
    place = Connection(cluster.url, None, None, SYSTEM_CLOCK.monotonic)
    made = StreamSession(place, listed.append)
    yield made
    await made.close()


def services(cluster: FakeCluster, count: int) -> None:
    """Make some Services."""
    for number in range(count):
        write = Write("ns", f"s{number}", "me")
        body = {"metadata": {"name": f"s{number}", "labels": {"app": "x"}}}
        writes.create(cluster.store, cluster.store.of("Service"), write, body)


async def test_all_pages_of_a_list_go_to_the_inbox_and_kopf_gets_none_of_it(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    services(cluster, 5)

    answer = await session.request("get", f"{cluster.url}/api/v1/services?limit=2")
    async with answer as response:
        page = await response.json()

    (listing,) = lists(listed)
    assert [r.verb for r in cluster.log] == ["list", "list", "list"]
    assert [seen.key.name for seen in listing.objects] == [f"s{n}" for n in range(5)]
    assert {seen.key.kind for seen in listing.objects} == {"Service"}
    assert (listing.plural, listing.namespace) == ("services", "")
    assert page["items"] == []
    assert page["metadata"]["resourceVersion"] == str(listing.version)


async def test_a_list_whose_pages_expired_begins_again(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    services(cluster, 5)
    cluster.faults.add(Fault("list", skip=2, status=410))

    await session.request("get", f"{cluster.url}/api/v1/services?limit=2")

    assert [r.status for r in cluster.log] == [200, 200, 410, 200, 200, 200]
    assert [seen.key.name for seen in lists(listed)[0].objects] == [f"s{n}" for n in range(5)]


async def test_a_list_of_one_namespace_says_which(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    path = "/apis/apps/v1/namespaces/ns/deployments?limit=500"

    await session.request("GET", cluster.url + path)

    assert [(it.plural, it.namespace, it.objects) for it in lists(listed)] == [
        ("deployments", "ns", ())
    ]


async def test_a_refused_list_comes_back_as_it_is(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    cluster.faults.add(Fault("list", status=403))

    response = await session.request("GET", f"{cluster.url}/api/v1/services?limit=2")

    assert response.status == 403
    assert listed == []


async def test_the_objects_of_a_watch_go_to_the_inbox_and_kopf_gets_their_version(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    services(cluster, 2)
    url = f"{cluster.url}/api/v1/services?watch=true&resourceVersion=1&timeoutSeconds=0.05"

    async with await session.request("GET", url) as response:
        shown = b"".join([chunk async for chunk in response.content.iter_chunked(2**20)])

    assert [item.key.name for item in listed if isinstance(item, Sighting)] == ["s0", "s1"]
    metadata = {"resourceVersion": str(cluster.store.version)}
    assert orjson.loads(shown) == {"type": "BOOKMARK", "object": {"metadata": metadata}}


async def test_a_refused_watch_comes_back_as_it_is(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    cluster.faults.add(Fault("watch", status=410))

    response = await session.request("GET", f"{cluster.url}/api/v1/services?watch=true")

    assert (response.status, (await response.json())["code"]) == (410, 410)
    assert listed == []


async def test_everything_else_goes_through(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    services(cluster, 1)

    response = await session.request("GET", f"{cluster.url}/api/v1/services")

    assert len((await response.json())["items"]) == 1
    assert listed == []


async def test_the_token_is_sent(cluster: FakeCluster, listed: Listed, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    cluster.tokens = {"secret"}
    place = Connection(cluster.url, None, file, SYSTEM_CLOCK.monotonic)
    session = StreamSession(place, listed.append)

    await session.request("GET", f"{cluster.url}/api/v1/services?limit=2")
    await session.close()

    assert len(listed) == 1
    assert session.closed
    assert session.headers["Authorization"] == "Bearer secret"


async def test_an_authority_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("no certificate")

    with pytest.raises(ssl.SSLError):
        StreamSession(Connection("https://api", file, None, SYSTEM_CLOCK.monotonic), lambda _: None)
