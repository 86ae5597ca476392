"""Several runtimes before one store and one proxy; each can be killed, drained, or robbed."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import anyio
from redis.exceptions import RedisError

from codelab_core.clock import SYSTEM_CLOCK, Clock
from codelab_core.server import Running, Server, cancelled_at_end, serve
from codelab_core.settings import LLMProxySettings, RuntimeSettings
from codelab_llmproxy.app import llmproxy
from codelab_runtime.app import runtime
from codelab_runtime.connection import client
from codelab_runtime.keys import Keys

TIMEOUT_S = 20
PATIENCE = 5
SHORT_LEASE_MS = 600
"""Below what settings allow: tests do not wait for leases that people would."""


@dataclass
class Node:
    """One runtime process."""

    running: Running
    server: Server
    task: asyncio.Task[None]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.running.port}"

    async def kill(self) -> None:
        """End it at once: nothing is released, nothing is said to anybody."""
        state = self.server.server_state
        for listener in self.server.servers:
            listener.close()
        for connection in list(state.connections):
            connection.transport.abort()
        for request in list(state.tasks):
            request.cancel()
        self.task.cancel()
        await asyncio.wait({self.task})

    async def drain(self) -> None:
        """SIGTERM."""
        await self.running.drain()
        self.server.should_exit = True
        await asyncio.wait({self.task})


@dataclass
class Cluster:
    """Runtimes that come and go; `http` is how clients reach them."""

    settings: RuntimeSettings
    tasks: asyncio.TaskGroup
    http: aiohttp.ClientSession
    proxy_url: str
    nodes: list[Node] = field(default_factory=list)

    @property
    def keys(self) -> Keys:
        """Names in the store."""
        return Keys(self.settings.redis_prefix)

    @property
    def urls(self) -> list[str]:
        """Where the living ones are."""
        return [node.url for node in self.nodes]

    async def start(self, clock: Clock = SYSTEM_CLOCK) -> Node:
        """One more runtime."""
        started: asyncio.Future[tuple[Running, Server]] = asyncio.get_running_loop().create_future()
        task = self.tasks.create_task(self._run(started, clock))
        node = Node(*await started, task)
        self.nodes.append(node)
        return node

    async def _run(self, started: asyncio.Future[tuple[Running, Server]], clock: Clock) -> None:
        async with runtime(self.settings, clock=clock) as running:
            server = running.server()
            started.set_result((running, server))
            await server.serve(sockets=[running.socket])

    async def kill(self, node: Node) -> None:
        """Kill one of the runtimes."""
        self.nodes.remove(node)
        await node.kill()

    async def drain(self, node: Node) -> None:
        """Drain one of the runtimes."""
        self.nodes.remove(node)
        await node.drain()

    async def rob(self, session_id: str) -> None:
        """Let others take a session while its owner lives on and believes in it: a zombie."""
        redis = client(self.settings.redis_url)
        meta = self.keys.session(session_id, "meta")
        for left in reversed(range(PATIENCE)):
            try:
                async with redis.pipeline(transaction=True) as pipe:
                    _ = pipe.hset(meta, "lu", "1")
                    _ = pipe.publish(self.keys.wake(0), f"{session_id} ")
                    await pipe.execute()
                break
            except RedisError:  # a machine that is busy with other tests
                if not left:
                    raise
        await redis.aclose()

    async def owners(self) -> list[Node]:
        """The runtimes that drive a session."""
        found = []
        for node in self.nodes:
            async with self.http.get(f"{node.url}/metrics") as response:
                if "codelab_runtime_owned_sessions 0.0" not in await response.text():
                    found.append(node)
        return found

    async def driving(self) -> Node:
        """A runtime that drives a session; any one while none does."""
        return [*await self.owners(), *self.nodes][0]

    async def until_nobody_drives(self) -> None:
        """Wait until all sessions rest or are parked."""
        with anyio.fail_after(TIMEOUT_S):
            while await self.owners():  # noqa: ASYNC110 -- other processes, as it were
                await asyncio.sleep(0.01)


@asynccontextmanager
async def proxy_server(folder: Path | None = None) -> AsyncIterator[str]:
    """The address of an LLM proxy with the scripted provider; `folder` holds its scenarios."""
    settings = LLMProxySettings.load(port=0, drain_s=0.5, scenario_dir=folder)
    stop = asyncio.Event()
    async with llmproxy(settings) as service, cancelled_at_end() as tasks:
        serving = tasks.create_task(serve(service, stop, settings))
        yield f"http://127.0.0.1:{service.port}"
        stop.set()
        await asyncio.wait({serving}, timeout=5)


@asynccontextmanager
async def cluster(
    store_url: str, proxy_url: str, count: int = 2, **fields: Any
) -> AsyncIterator[Cluster]:
    """So many runtimes, under a key prefix of their own; `fields` are settings."""
    common = {"port": 0, "drain_s": 2, "redis_url": store_url, "llmproxy_url": proxy_url}
    prefix = {"redis_prefix": f"t{secrets.token_hex(6)}"}
    loaded = RuntimeSettings.load(**common | prefix | fields)
    settings = loaded.model_copy(update={"lease_ms": fields.get("lease_ms", SHORT_LEASE_MS)})
    async with (
        cancelled_at_end() as tasks,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        made = Cluster(settings, tasks, http, proxy_url)
        for _ in range(count):
            await made.start()
        yield made
        for node in made.nodes:  # nobody is left who would care for a goodbye
            await node.kill()
