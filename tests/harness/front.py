"""A real gateway in front of a scripted runtime, or of none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from codelab_core.server import Running
from codelab_core.settings import GatewaySettings
from codelab_gateway.app import gateway
from fakes.quick_server import quickly_served


@dataclass(frozen=True, slots=True)
class Front:
    """A gateway that is served."""

    running: Running

    @property
    def url(self) -> str:
        """Base of REST addresses."""
        return f"http://127.0.0.1:{self.running.port}"

    @property
    def socket_url(self) -> str:
        """Base of WebSocket addresses."""
        return f"ws://127.0.0.1:{self.running.port}"

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """One REST call."""
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False) as http:
            return await http.request(method, path, **options)

    async def metric(self, sample: str) -> float:
        """The value of one sample of `/metrics`, with its labels as they are shown; 0 if absent."""
        text = (await self.ask("GET", "/metrics")).text
        found = [line for line in text.splitlines() if line.startswith(f"{sample} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


@asynccontextmanager
async def front(runtime_url: str, **fields: Any) -> AsyncIterator[Front]:
    """A gateway, in development mode unless `fields` say otherwise."""
    usual: dict[str, Any] = {
        "port": 0,
        "runtime_url": runtime_url,
        "auth_mode": "dev",
        "embedded": True,
        "plain_wait_ms": 250,  # a client of ours says hello sooner, also where all is slow
    }
    async with (
        gateway(GatewaySettings.exactly(**usual | fields)) as running,
        quickly_served(running.app, running.socket, **running.options),
    ):
        yield Front(running)
