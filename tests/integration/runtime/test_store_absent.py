"""The runtime without its store: it lives, says so, and goes on when the store is there."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis

from codelab_runtime import eviction
from codelab_runtime.embedded import server_binary
from harness.agent import Agent, text_of
from harness.runtimes import cluster


class OwnServer:
    """A store server that comes and goes; what it holds survives in its append-only file."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s.sock"
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self._folder)]
        binary = server_binary()
        assert binary is not None
        self._process = await asyncio.create_subprocess_exec(
            str(binary),
            *options,
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
            stdout=asyncio.subprocess.DEVNULL,
        )

    async def stop(self, how: int = signal.SIGKILL) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        await self._process.wait()


async def ready(agent: Agent) -> tuple[int, str]:
    """What the readiness probe says."""
    status, body = await agent.call("GET", "/health/ready")
    live, _ = await agent.call("GET", "/health/live")
    assert live == 200
    return status, body["status"]


async def until(is_true: Callable[[tuple[int, str]], bool], agent: Agent) -> float:
    """Seconds until the probe says so."""
    began = time.monotonic()
    with anyio.fail_after(10):
        while not is_true(await ready(agent)):  # noqa: ASYNC110 -- asked, as a cluster does
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_a_runtime_may_start_before_its_store(tmp_path: Path, proxy_url: str) -> None:
    server = OwnServer(tmp_path)
    async with cluster(f"unix://{server.socket}", proxy_url, 1) as runtimes:
        agent = Agent(runtimes)
        assert await ready(agent) == (503, "store")
        status, body = await agent.post(
            "message", message={"type": "user_message", "content": "echo hi"}
        )
        assert (status, body["error"]["class"]) == (503, "store_unavailable")

        await server.start()
        took = await until(lambda state: state == (200, "ok"), agent)

        assert took < 2
        assert text_of(await agent.turn("echo hi")) == "Echo: hi"
    await server.stop()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_turn_outlives_a_restart_of_the_store(
    tmp_path: Path, proxy_url: str, how: int
) -> None:
    """K17: what was committed is there again, the owner renews by the same fence."""
    server = OwnServer(tmp_path)
    await server.start()
    async with cluster(f"unix://{server.socket}", proxy_url, 1) as runtimes:
        agent = Agent(runtimes)
        await agent.attach()
        await agent.say("write 60 tokens at 60 per second")
        await agent.until("assistant_message")

        await server.stop(how)
        await asyncio.sleep(0.3)
        await server.start()

        events = await agent.whole_log("turn_completed", 15)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert text_of(events) == " ".join(f"t{n:05d}" for n in range(1, 61))
    await server.stop()


async def test_readiness_follows_a_store_that_leaves(tmp_path: Path, proxy_url: str) -> None:
    server = OwnServer(tmp_path)
    await server.start()
    async with cluster(f"unix://{server.socket}", proxy_url, 1) as runtimes:
        agent = Agent(runtimes)
        await until(lambda state: state[0] == 200, agent)

        await server.stop()
        await until(lambda state: state == (503, "store"), agent)
        await server.start()

        assert await until(lambda state: state == (200, "ok"), agent) < 2
    await server.stop()


async def test_a_store_that_drops_entries_is_not_used_until_it_is_put_right(
    tmp_path: Path, proxy_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eviction, "ASK_S", 0.05)
    server = OwnServer(tmp_path)
    await server.start()
    async with cluster(f"unix://{server.socket}", proxy_url, 1) as runtimes:
        agent = Agent(runtimes)
        await until(lambda state: state == (200, "ok"), agent)
        async with Redis(unix_socket_path=str(server.socket)) as redis:
            await redis.config_set("maxmemory-policy", "allkeys-lru")
            await until(lambda state: state == (503, "store"), agent)
            _, health = await agent.call("GET", "/health")
            await redis.config_set("maxmemory-policy", "noeviction")
            await until(lambda state: state == (200, "ok"), agent)

    assert health["checks"]["redis"] == "error: EvictionPolicyError"
    await server.stop()
