"""A real server that starts and ends in milliseconds; one that ends in peace takes 0.3 s."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from codelab_core.server import Server


@asynccontextmanager
async def quickly_served(app: Any, listener: socket.socket, **options: Any) -> AsyncIterator[None]:
    """Serve an application until the block ends, then cut every connection."""
    usual: dict[str, Any] = {
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
    }
    config = uvicorn.Config(app, **usual | options)
    server = Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield
    finally:
        await _cut(server)


async def _cut(server: Server) -> None:
    """Close the listening socket, abort connections, cancel what serves them."""
    for one in server.servers:
        one.close()
    for connection in list(server.server_state.connections):
        transport: Any = getattr(connection, "transport")  # noqa: B009 -- not in its base class
        transport.abort()
    tasks = list(server.server_state.tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=5)
