"""The session of the streams: lists to the inbox, watches to kopf."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator.connection import Connection
from codelab_operator.inbox import Listing
from codelab_operator.kopf_session import StreamSession
from fakes.cluster import writes
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from fakes.cluster.writes import Write

Listed = list[Listing]


@pytest.fixture
def listed() -> Listed:
    """What reached the inbox."""
    return []


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

    (listing,) = listed
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
    assert [seen.key.name for seen in listed[0].objects] == [f"s{n}" for n in range(5)]


async def test_a_list_of_one_namespace_says_which(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    path = "/apis/apps/v1/namespaces/ns/deployments?limit=500"

    await session.request("GET", cluster.url + path)

    assert [(it.plural, it.namespace, it.objects) for it in listed] == [("deployments", "ns", ())]


async def test_a_refused_list_comes_back_as_it_is(
    session: StreamSession, cluster: FakeCluster, listed: Listed
) -> None:
    cluster.faults.add(Fault("list", status=403))

    response = await session.request("GET", f"{cluster.url}/api/v1/services?limit=2")

    assert response.status == 403
    assert listed == []


@pytest.mark.parametrize(
    "query", [pytest.param("?watch=true&timeoutSeconds=0.01", id="watch"), pytest.param("", id="-")]
)
async def test_everything_else_goes_through(
    session: StreamSession, cluster: FakeCluster, listed: Listed, query: str
) -> None:
    services(cluster, 1)

    response = await session.request("GET", f"{cluster.url}/api/v1/services{query}")
    body = await response.read()

    assert response.status == 200
    assert listed == []
    if not query:
        assert len(orjson.loads(body)["items"]) == 1


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
