"""Both kinds of store: a real server, and the one inside the process."""

from collections.abc import AsyncIterator

import pytest

from harness.stores import Bench, bench_of


@pytest.fixture(params=["server", "memory"])
async def bench(request: pytest.FixtureRequest, store_server: str) -> AsyncIterator[Bench]:
    """The same tests run on both."""
    url = store_server if request.param == "server" else "embedded:memory"
    async with bench_of(url) as made:
        yield made
