"""A master, a replica and a Sentinel as processes of their own; each can be killed."""

import asyncio
import signal
import socket
import ssl
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from codelab_runtime.embedded import server_binary
from fakes.tls_relay import tls_relay

MASTER = "mymaster"
START_S = 10


@dataclass
class Watched:
    """A store that fails over."""

    folder: Path
    password: str = ""
    sentinel_password: str = ""
    is_tls: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    """Where each is found: by clients, by each other."""
    inner_ports: dict[str, int] = field(default_factory=dict)
    """Where each listens, where something stands before it."""
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address as services are told it; the first Sentinel named is not there."""
        scheme = "rediss" if self.is_tls else "redis"
        return f"{scheme}+sentinel://127.0.0.1:1,127.0.0.1:{self.ports['sentinel']}/{MASTER}"

    def bare(self, name: str) -> Redis:
        """A client of one process."""
        word = self.sentinel_password if name == "sentinel" else self.password
        return Redis(port=self.ports[name], password=word or None)

    async def start(self, name: str) -> None:
        """A server that replicates nobody."""
        words = ("requirepass", self.password, "masterauth", self.password)
        known = ("replica-announce-ip", "127.0.0.1", "replica-announce-port", str(self.ports[name]))
        login = _lines(*words) if self.password else []
        await self._run(name, [*login, *_lines(*known), "save ''"])

    async def replicate(self, name: str, of: str) -> None:
        """Make one server the copy of another, and wait until it is."""
        async with self.bare(name) as redis:
            await redis.replicaof("127.0.0.1", self.ports[of])
            with anyio.fail_after(START_S):
                while (await redis.info("replication"))["master_link_status"] != "up":  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def copied(self, name: str, of: str) -> None:
        """Wait until a copy has all that the other server has now."""
        async with self.bare(name) as copy, self.bare(of) as master:
            wanted = (await master.info("replication"))["master_repl_offset"]
            with anyio.fail_after(START_S):
                while (await copy.info("replication"))["slave_repl_offset"] < wanted:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    async def cut_off(self, name: str) -> None:
        """Let a copy learn nothing more."""
        async with self.bare(name) as redis:
            await redis.replicaof("127.0.0.1", 1)

    async def watch(self, master: str) -> None:
        """A Sentinel that gives a silent master half a second."""
        lines = [
            f"sentinel monitor {MASTER} 127.0.0.1 {self.ports[master]} 1",
            f"sentinel down-after-milliseconds {MASTER} 500",
            f"sentinel failover-timeout {MASTER} 3000",
        ]
        if self.password:
            lines += [f"sentinel auth-pass {MASTER} {self.password}"]
        if self.sentinel_password:
            lines += _lines("requirepass", self.sentinel_password)
        await self._run("sentinel", lines, "--sentinel")
        async with self.bare("sentinel") as redis:
            with anyio.fail_after(START_S):
                while (await self._seen(redis))["num-slaves"] == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def kill(self, name: str, how: int = signal.SIGKILL) -> None:
        """End one process."""
        self.processes[name].send_signal(how)
        await self.processes.pop(name).wait()

    async def master_port(self) -> int:
        """Where the Sentinel says that the master is."""
        async with self.bare("sentinel") as redis:
            return int((await self._seen(redis))["port"])

    async def _seen(self, redis: Redis) -> dict[str, int]:
        found: Any = await redis.sentinel_masters()
        state: dict[str, int] = found[MASTER]
        return state

    async def _run(self, name: str, lines: list[str], *options: str) -> None:
        home = self.folder / name
        home.mkdir()
        config = home / "conf"
        common = [f"port {self.inner_ports[name]}", "bind 127.0.0.1", f"dir {home}"]
        config.write_text("\n".join([*common, *lines]) + "\n")
        binary = server_binary()
        assert binary is not None
        self.processes[name] = await asyncio.create_subprocess_exec(
            str(binary), str(config), *options, stdout=DEVNULL
        )
        async with self.bare(name) as redis:
            with anyio.fail_after(START_S):
                while not await _answers(redis):  # noqa: ASYNC110 -- it has no other sign
                    await asyncio.sleep(0.05)


def _lines(*words: str) -> list[str]:
    """Settings, from names and values in turn."""
    return [f"{name} {value}" for name, value in zip(words[::2], words[1::2], strict=True)]


async def _answers(redis: Redis) -> bool:
    """Whether a server is there."""
    try:
        return bool(await redis.ping())
    except (RedisError, OSError):
        return False


def _free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def _ports(made: Watched, context: ssl.SSLContext | None, stack: AsyncExitStack) -> None:
    """Find a place for each process; with a context there is TLS before it."""
    for name in ("one", "two", "sentinel"):
        made.ports[name] = made.inner_ports[name] = port = _free_port()
        if context:
            far = partial(asyncio.open_connection, "127.0.0.1", port)
            relay = await stack.enter_async_context(tls_relay(context, far))
            made.ports[name] = relay.port


@asynccontextmanager
async def watched(
    folder: Path,
    *,
    password: str = "",
    sentinel_password: str = "",
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Watched]:
    """A master `one`, its copy `two`, and a Sentinel."""
    made = Watched(folder, password, sentinel_password, context is not None)
    async with AsyncExitStack() as stack:
        await _ports(made, context, stack)
        stack.push_async_callback(_end, made)
        await made.start("one")
        await made.start("two")
        await made.replicate("two", of="one")
        await made.watch("one")
        yield made


async def _end(made: Watched) -> None:
    """End what still runs."""
    for name in [*made.processes]:
        await made.kill(name)
