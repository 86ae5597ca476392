"""Runs applications on sockets that we bind, with signals and drain that are ours.

uvicorn alone closes sockets before the lifespan ends, so a drain could not live there.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from codelab_core.settings import ServiceSettings, SettingsError

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop

BACKLOG: Final = 2048
EXIT_TIMEOUT_S: Final = 5
RESTART: Final = "SIGUSR1"
ORDERS: Final = [it for it in signal.Signals if it.name in {"SIGTERM", "SIGINT", RESTART}]
"""Signals that end a process in order; some systems lack the last."""

Drain = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """A server that leaves signals alone: `codelab up` runs three of them in one process."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture nothing."""
        yield


@dataclass(frozen=True, slots=True)
class Running:
    """A service, ready to be served: its application, its listening socket, its drain."""

    app: FastAPI
    socket: socket.socket
    drain: Drain
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return int(self.socket.getsockname()[1])

    def server(self) -> Server:
        """The server for this service; one use."""
        options: dict[str, Any] = {
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "date_header": False,
            "proxy_headers": False,
            "ws": "none",
            "timeout_graceful_shutdown": EXIT_TIMEOUT_S,
            "lifespan": "on",
        }
        return Server(uvicorn.Config(self.app, **options | self.options))


def bind(host: str, port: int) -> socket.socket:
    """A listening socket with Nagle's algorithm off; port 0 takes a free one.

    Raises `OSError` when the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.settimeout(0)
    return listener


class _BlockEnded(Exception):  # noqa: N818 -- no error: it is how a task group is told to end
    """Raised in a group to cancel its tasks (asyncio docs, "Terminating a Task Group")."""


@asynccontextmanager
async def cancelled_at_end() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose tasks are cancelled when the block ends; an error in one ends all.

    A single error, of the block or of a task, is raised as it is, not as a group.
    """
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                yield tasks
            except Exception as error:  # noqa: BLE001 -- raised again below, outside the group
                failure = error
            _end_block()
    except BaseExceptionGroup as group:
        failure = failure or _only_error(group)
    if failure:
        raise failure


def _only_error(group: BaseExceptionGroup[BaseException]) -> Exception | None:
    """The error in a group that ended: `None` where it was told to end, else one, else a group."""
    _, errors = group.split(_BlockEnded)
    if errors is None:
        return None
    only = errors.exceptions[0] if len(errors.exceptions) == 1 else errors
    if not isinstance(only, Exception):
        raise only
    return only


def _end_block() -> None:
    """Cancel what still runs in the group around the caller."""
    raise _BlockEnded


async def serve(service: Running, stop: asyncio.Event, settings: ServiceSettings) -> None:
    """Serve until `stop` is set, then drain (at most `drain_s`) and close."""
    server = service.server()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(sockets=[service.socket]))
        await _first(tasks, stop, serving)
        try:
            async with asyncio.timeout(settings.drain_s):
                await service.drain()
        except TimeoutError:
            log.warning("drain took too long")
        server.should_exit = True


async def _first(
    tasks: asyncio.TaskGroup, stop: asyncio.Event, serving: asyncio.Task[None]
) -> None:
    """Wait for the order to stop, or for the server to end by itself."""
    stopped = tasks.create_task(stop.wait())
    await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()


class RestartOrder(Exception):  # noqa: N818 -- no error: the way out of everything that is open
    """SIGUSR1: the process is to start again in its place, with the program as it is on disk now.

    Containers of developers get it after a file was copied into them.
    """


def run_main(main: Callable[[], Coroutine[Any, Any, None]], *refusals: type[Exception]) -> None:
    """Run a process's coroutine on the fast event loop, where there is one.

    Settings that cannot be used, and other `refusals`, end it with status 1 and their text.
    """
    told: tuple[type[Exception], ...] = (SettingsError, *refusals)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())
    except RestartOrder:
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- this very program
    except told as error:
        sys.exit(str(error))


async def run(service: Running, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends the process at once.

    Raises `RestartOrder` after SIGUSR1, drained as for the others.
    """
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def order(number: signal.Signals) -> None:
        for known in ORDERS:
            loop.remove_signal_handler(known)
        if number.name == RESTART:
            again.set()
        stop.set()

    for number in ORDERS:
        loop.add_signal_handler(number, order, number)
    await serve(service, stop, settings)
    if again.is_set():
        raise RestartOrder
