import socket
from collections.abc import Awaitable, Callable

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_gateway import endpoints
from codelab_gateway.endpoints import Endpoints, resolved
from codelab_gateway.metrics import Metrics
from fakes.clock import HandClock

THREE = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


class Names:
    """A name server: what each name stands for, `None` where it does not know."""

    def __init__(self, **hosts: list[str] | None) -> None:
        self.hosts: dict[str, list[str] | None] = dict(hosts)
        self.asked: list[tuple[str, int]] = []

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        found = self.hosts[host]
        if found is None:
            raise socket.gaierror(host)
        return found


def known(
    urls: str,
    resolve: Callable[[str, int], Awaitable[list[str]]] = resolved,
    clock: HandClock | None = None,
) -> Endpoints:
    return Endpoints(urls, clock or HandClock(), Metrics(CollectorRegistry()), resolve)


async def test_a_name_stands_for_all_its_addresses() -> None:
    names = Names(runtime=THREE)
    found = known("http://runtime:8001/", names.resolve)
    before = found.addresses

    await found.refresh()

    assert before == ["http://runtime:8001"]
    assert found.addresses == [f"http://{host}:8001" for host in THREE]
    assert names.asked == [("runtime", 8001)]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:8001", id="address"),
        pytest.param("http://[::1]:8001", id="ipv6-address"),
        pytest.param("http://localhost:8001", id="this-machine"),
        pytest.param("https://runtime.example:8001", id="certificate-of-a-name"),
    ],
)
async def test_what_is_one_address_is_not_resolved(url: str) -> None:
    names = Names()
    found = known(url, names.resolve)

    with anyio.fail_after(1):
        await found.watch()
        await found.refresh()

    assert (found.addresses, names.asked) == ([url], [])


async def test_ipv6_addresses_are_put_in_brackets() -> None:
    found = known("http://runtime/base", Names(runtime=["fd00::1"]).resolve)

    await found.refresh()

    assert found.addresses == ["http://[fd00::1]:80/base"]


async def test_a_session_has_its_own_address_while_that_lives() -> None:
    """K-06: a hint for caches."""
    names, clock = Names(runtime=THREE), HandClock()
    found = known("http://runtime:8001", names.resolve, clock)
    await found.refresh()
    sessions = [f"s{number}" for number in range(300)]
    first = {session: found.choose(session) for session in sessions}

    names.hosts["runtime"] = THREE[:2]
    await found.refresh()
    second = {session: found.choose(session) for session in sessions}

    lost = "http://10.0.0.3:8001"
    assert {first[s] for s in sessions} == {f"http://{host}:8001" for host in THREE}
    assert all(second[s] == first[s] for s in sessions if first[s] != lost)
    assert lost not in second.values()


async def test_a_dead_address_is_left_alone_and_tried_again_after_2_seconds() -> None:
    names, clock = Names(runtime=THREE[:2]), HandClock()
    found = known("http://runtime:8001", names.resolve, clock)
    await found.refresh()
    own = found.choose("s")
    assert own is not None

    for _ in range(5):
        found.failed(own)
    ejected = found.choose("s")
    await found.refresh()
    still_ejected = found.choose("s")
    clock.advance(2)
    probed = found.choose("s")
    found.succeeded(own)

    assert ejected == still_ejected != own
    assert probed == found.choose("s") == own


async def test_an_address_that_was_tried_comes_last() -> None:
    found = known("http://a:1, http://b:1,")
    own = found.choose("s")
    assert own is not None

    assert found.choose("s", {own}) == ({"http://a:1", "http://b:1"} - {own}).pop()
    assert found.choose("s", {"http://a:1", "http://b:1"}) == own


async def test_when_all_are_dead_there_is_nobody_to_ask() -> None:
    found = known("http://a:1")

    for _ in range(5):
        found.failed("http://a:1")

    assert found.choose("s") is None


@pytest.mark.parametrize("answer", [pytest.param(None, id="unknown"), pytest.param([], id="empty")])
async def test_a_name_that_does_not_resolve_keeps_its_addresses(answer: list[str] | None) -> None:
    names = Names(runtime=THREE)
    found = known("http://runtime:8001", names.resolve)
    await found.refresh()
    before = found.addresses

    names.hosts["runtime"] = answer
    await found.refresh()

    assert found.addresses == before


async def test_news_of_an_address_that_is_gone_is_no_news() -> None:
    found = known("http://a:1")

    found.failed("http://b:1")
    found.succeeded("http://b:1")

    assert found.addresses == ["http://a:1"]


async def test_names_are_resolved_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(endpoints, "REFRESH_S", 600.0)
    names = Names(runtime=["10.0.0.1"])
    found = known("http://runtime:8001", names.resolve)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(found.watch)
            while not names.asked:
                await anyio.lowlevel.checkpoint()
            names.hosts["runtime"] = ["10.0.0.2"]
            while found.addresses != ["http://10.0.0.2:8001"]:
                found.failed("http://10.0.0.1:8001")
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    assert len(names.asked) >= 2


async def test_names_are_resolved_again_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(endpoints, "REFRESH_S", 0.001)
    names = Names(runtime=["10.0.0.1"])

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(known("http://runtime:8001", names.resolve).watch)
            while len(names.asked) < 3:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    assert set(names.asked) == {("runtime", 8001)}


async def test_a_name_that_can_be_none_harms_nobody() -> None:
    url = f"http://{'x' * 70}.example:8001"
    found = known(f"{url},http://runtime:no-port")

    await found.refresh()

    assert found.addresses == [url, "http://runtime:no-port"]


async def test_this_machines_names_resolve_to_ipv4_first() -> None:
    assert await resolved("127.0.0.1", 80) == ["127.0.0.1"]
    assert await resolved("::1", 80) == ["::1"]
