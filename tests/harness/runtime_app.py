"""One runtime without a socket, its store in memory, and no model to talk to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from codelab_core.server import Running
from codelab_core.settings import RuntimeSettings
from codelab_runtime.app import runtime

NOWHERE = "http://127.0.0.1:9"


@asynccontextmanager
async def runtime_app(**fields: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, Running]]:
    """A client of the application; `fields` are settings."""
    known: dict[str, Any] = {"port": 0, "redis_url": "embedded:memory", "llmproxy_url": NOWHERE}
    async with runtime(RuntimeSettings.load(**known | fields)) as running:
        transport = httpx2.ASGITransport(running.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
            yield http, running
        running.socket.close()
