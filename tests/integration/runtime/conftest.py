"""Both kinds of store, and runtimes on the real one."""

from collections.abc import AsyncIterator

import pytest

from harness.agent import Agent
from harness.runtimes import Cluster, cluster, proxy_server
from harness.stores import Bench, bench_of


@pytest.fixture(params=["server", "memory"])
async def bench(request: pytest.FixtureRequest, store_server: str) -> AsyncIterator[Bench]:
    """The same tests run on both."""
    url = store_server if request.param == "server" else "embedded:memory"
    async with bench_of(url) as made:
        yield made


@pytest.fixture(scope="module")
async def proxy_url() -> AsyncIterator[str]:
    """A proxy with the scripted provider, the same for all tests of a file."""
    async with proxy_server() as url:
        yield url


@pytest.fixture
async def pair(store_server: str, proxy_url: str) -> AsyncIterator[Cluster]:
    """Two runtimes."""
    async with cluster(store_server, proxy_url) as runtimes:
        yield runtimes


@pytest.fixture
async def agent(pair: Cluster) -> Agent:
    """A session with a careful driver."""
    made = Agent(pair)
    await made.attach()
    return made
