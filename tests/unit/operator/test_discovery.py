"""Which kinds are served, and what follows when that changes."""

import asyncio

from codelab_operator.api_errors import ApiError
from codelab_operator.discovery import UNSERVED_S, Discovery
from codelab_operator.kinds import AGENT, CHILDREN, HTTP_ROUTE, SERVICE_MONITOR, Kind
from codelab_operator.settings import OperatorSettings
from harness.waiting import until

ALWAYS = tuple(kind for kind in CHILDREN if not kind.is_optional)


class Api:
    """An API server that serves some kinds, or does not answer; `asked` counts."""

    def __init__(self, *served: Kind) -> None:
        self.served = set(served)
        self.is_away = False
        self.asked = 0

    async def is_served(self, kind: Kind) -> bool:
        self.asked += 1
        if self.is_away:
            raise ApiError(0, "Unreachable", "away")
        return kind in self.served


class Looker:
    """A discovery that runs; what it serves is kept."""

    def __init__(self, api: Api, **settings: object) -> None:
        self.served: list[tuple[Kind, ...]] = []
        self.news = asyncio.Event()
        self.found = Discovery(api, OperatorSettings.exactly(**settings), self._serve)

    async def _serve(self, kinds: tuple[Kind, ...]) -> None:
        self.served.append(kinds)
        self.news.set()


async def test_children_are_watched_of_the_kinds_that_are_there() -> None:
    looker = Looker(Api(AGENT, SERVICE_MONITOR), operator_namespace="ops")
    before = looker.found.text()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(looker.found.run())
        await looker.news.wait()
        running.cancel()

    assert before == "not watching: no CodelabAgent definition"
    assert looker.found.text() == "watching"
    assert set(looker.served[0]) == {*ALWAYS, SERVICE_MONITOR}
    assert looker.found.offering.service_monitors
    assert not looker.found.offering.http_routes
    assert looker.found.offering.operator_namespace == "ops"


async def test_a_kind_that_comes_later_is_found_at_once_when_somebody_misses_it() -> None:
    api = Api(AGENT)
    looker = Looker(api)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(looker.found.run())
        await looker.news.wait()
        looker.news.clear()
        api.served.add(HTTP_ROUTE)
        looker.found.look.set()
        await looker.news.wait()
        running.cancel()

    assert set(looker.served[0]) == set(ALWAYS)
    assert set(looker.served[1]) == {*ALWAYS, HTTP_ROUTE}
    assert looker.found.offering.http_routes


async def test_what_stays_the_same_starts_no_streams_anew() -> None:
    api = Api(AGENT)
    looker = Looker(api, discovery_s=0.001)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(looker.found.run())
        await until(lambda: api.asked >= 12)
        running.cancel()

    assert len(looker.served) == 1


async def test_without_our_own_kind_nothing_is_watched_and_it_is_looked_for_again_soon() -> None:
    api = Api()
    looker = Looker(api)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(looker.found.run())
        await until(lambda: api.asked)
        api.is_away = True
        looker.found.look.set()
        await until(lambda: api.asked >= 2)
        api.is_away = False
        api.served.add(AGENT)
        looker.found.look.set()
        await looker.news.wait()
        running.cancel()

    assert len(looker.served) == 1
    assert OperatorSettings.exactly().discovery_s > UNSERVED_S


async def test_the_own_lease_is_watched_where_its_namespace_is_served() -> None:
    def is_watched(**settings: object) -> bool:
        return Looker(Api(), operator_namespace="ops", **settings).found.is_lease_watched

    assert is_watched()
    assert is_watched(namespaces="team,ops")
    assert not is_watched(namespaces="team")
