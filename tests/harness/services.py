"""The three real services on real sockets, as a test wants them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codelab_core.server import Running, cancelled_at_end, serve
from codelab_core.settings import (
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
)
from codelab_gateway.app import gateway
from codelab_llmproxy.app import llmproxy
from codelab_runtime.app import runtime

INTERNAL_KEY = "a-key-between-services-of-tests"


@dataclass(frozen=True, slots=True)
class Services:
    """Running services. `tasks` serve them; cancelling one is a kill."""

    gateway_url: str
    runtime_url: str
    llmproxy_url: str
    key: str

    @property
    def socket_url(self) -> str:
        """Base of the WebSocket addresses."""
        return "ws" + self.gateway_url.removeprefix("http")

    @property
    def internal(self) -> dict[str, str]:
        """The header that services show each other."""
        return {"X-Internal-Auth": self.key}


@dataclass(slots=True)
class Wanted:
    """Settings that differ from the tests' defaults, per service."""

    gateway: dict[str, Any] = field(default_factory=dict)
    runtime: dict[str, Any] = field(default_factory=dict)
    llmproxy: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def services(
    store_url: str, folder: Path, wanted: Wanted | None = None
) -> AsyncIterator[Services]:
    """Start llmproxy, runtime and gateway; a key prefix of its own keeps tests apart."""
    chosen = wanted or Wanted()
    keys = folder / "internal"
    keys.write_text(INTERNAL_KEY)
    common: dict[str, Any] = {"port": 0, "internal_token_file": keys, "drain_s": 2}
    async with AsyncExitStack() as stack:
        proxy_settings = LLMProxySettings.load(**common | chosen.llmproxy)
        proxy = await stack.enter_async_context(llmproxy(proxy_settings))
        runtime_fields = {
            "redis_url": store_url,
            "redis_prefix": f"t{secrets.token_hex(6)}",
            "llmproxy_url": f"http://127.0.0.1:{proxy.port}",
        }
        runtime_settings = RuntimeSettings.load(**common | runtime_fields | chosen.runtime)
        turns = await stack.enter_async_context(runtime(runtime_settings))
        gateway_fields = {
            "runtime_url": f"http://127.0.0.1:{turns.port}",
            "auth_mode": "dev",
            "embedded": True,
            "plain_wait_ms": 250,  # a client of ours says hello sooner, also where all is slow
        }
        gateway_settings = GatewaySettings.load(**common | gateway_fields | chosen.gateway)
        front = await stack.enter_async_context(gateway(gateway_settings))
        served = ((proxy, proxy_settings), (turns, runtime_settings), (front, gateway_settings))
        await stack.enter_async_context(serving(served))
        yield Services(
            f"http://127.0.0.1:{front.port}",
            f"http://127.0.0.1:{turns.port}",
            f"http://127.0.0.1:{proxy.port}",
            INTERNAL_KEY,
        )


@asynccontextmanager
async def serving(served: tuple[tuple[Running, ServiceSettings], ...]) -> AsyncIterator[None]:
    """Serve until the block ends."""
    stop = asyncio.Event()
    async with cancelled_at_end() as tasks:
        running = [tasks.create_task(serve(one, stop, settings)) for one, settings in served]
        yield
        stop.set()
        await asyncio.wait(running, timeout=10)
