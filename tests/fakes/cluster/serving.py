"""The fake API server on a port: it opens, goes away for a while, and closes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from fakes.cluster.kinds import OPTIONAL, Resource
from fakes.cluster.server import FakeCluster

HOST: Final = "127.0.0.1"
LAST_CLOSE_S: Final = 0.02
LAST_CLOSES: Final = 100


class ServedCluster(FakeCluster):
    """A cluster whose server can be away: then connections end, and new ones are refused."""

    def __init__(self, optional: tuple[Resource, ...]) -> None:
        super().__init__(optional=optional)
        self.server = web.Server(self.answer, access_log=None)
        self.runner = web.ServerRunner(self.server, shutdown_timeout=0.1)
        self.port = 0

    async def come(self) -> None:
        """Serve; always on the same port."""
        await web.TCPSite(self.runner, HOST, self.port, reuse_address=True).start()
        self.port = int(self.runner.addresses[0][1])
        self.url = f"http://{HOST}:{self.port}"

    async def go(self) -> None:
        """Be away."""
        for site in list(self.runner.sites):
            await site.stop()
        for connection in list(self.server.connections):
            if connection.transport is not None:
                connection.transport.abort()


@asynccontextmanager
async def fake_cluster(
    port: int = 0, *, optional: tuple[Resource, ...] = OPTIONAL
) -> AsyncIterator[ServedCluster]:
    """A running server; `url` says where."""
    cluster = ServedCluster(optional)
    cluster.port = port
    await cluster.runner.setup()
    await cluster.come()
    try:
        yield cluster
    finally:
        for disturbance in cluster.disturbances.values():
            disturbance.cut.set()
        for collection in cluster.store.collections.values():
            collection.changed.set()
        await cluster.runner.cleanup()
        for _ in range(LAST_CLOSES):  # the sockets of clients that were killed
            await asyncio.sleep(LAST_CLOSE_S)
            if not cluster.server.connections:
                break
        await asyncio.sleep(LAST_CLOSE_S)
