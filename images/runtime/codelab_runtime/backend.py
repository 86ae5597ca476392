"""Opens the store that the settings name: a server, a private one, or one inside the process."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from codelab_core.clock import jitter_source
from codelab_core.server import cancelled_at_end
from codelab_core.settings import ENV_PREFIX, RuntimeSettings, SettingsError
from codelab_runtime.connection import client
from codelab_runtime.embedded import embedded_server
from codelab_runtime.repeating import Repeated
from codelab_runtime.sentinels import LOOK_S, MasterPool
from codelab_runtime.store_address import StoreAddressError
from codelab_runtime.store_login import connection_options, sentinel_options

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backend:
    """Two clients of one store: for commands, and for the subscribed connection."""

    commands: Redis
    channels: Redis


@asynccontextmanager
async def open_backend(settings: RuntimeSettings) -> AsyncIterator[Backend]:
    """Yield clients; `embedded://` starts a private server, else uses the process's memory."""
    async with AsyncExitStack() as stack:
        url: str | None = settings.redis_url
        if url == "embedded:memory":
            url = None
        elif url == "embedded://":
            url = await stack.enter_async_context(embedded_server(settings.state_dir))
        yield await stack.enter_async_context(_clients(settings, url) if url else _in_memory())


@asynccontextmanager
async def _clients(settings: RuntimeSettings, url: str) -> AsyncIterator[Backend]:
    """Clients of a server; the subscribed one may be silent for as long as nothing happens."""
    options: dict[str, Any] = {}
    if url == settings.redis_url:  # a private server asks nobody
        options = {**connection_options(settings), "sentinel_login": sentinel_options(settings)}
    try:
        backend = Backend(client(url, **options), client(url, timeout_s=None, **options))
    except StoreAddressError as error:
        raise SettingsError(f"{ENV_PREFIX}REDIS_URL: {error}") from None
    except ValueError:  # the library's, which may show a part of the address
        raise SettingsError(f"{ENV_PREFIX}REDIS_URL: not an address of a store") from None
    try:
        async with cancelled_at_end() as tasks:
            for redis in (backend.commands, backend.channels):
                pool = redis.connection_pool
                if isinstance(pool, MasterPool):
                    tasks.create_task(Repeated("master", LOOK_S, pool.look).run(jitter_source()))
            yield backend
    finally:
        await backend.commands.aclose()
        await backend.channels.aclose()


@asynccontextmanager
async def _in_memory() -> AsyncIterator[Backend]:
    """Clients of a store inside this process; nothing survives it."""
    import fakeredis  # noqa: PLC0415 -- only where no server can run; absent from the images

    log.warning("sessions are kept in memory only: no redis-server or valkey-server was found")
    server = fakeredis.FakeServer()
    make = fakeredis.FakeAsyncRedis
    backend = Backend(
        cast("Redis", make(server=server, protocol=3)),
        cast("Redis", make(server=server, protocol=3)),
    )
    try:
        yield backend
    finally:
        await backend.commands.aclose()
        await backend.channels.aclose()
