"""TLS in front of a store server: the one that the tests start was built without it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress

from codelab_core.server import cancelled_at_end
from fakes.passing import Streams, pass_on

PLAIN_S = 5
TLS_HANDSHAKE = b"\x16"


class TlsRelay:
    """Ends TLS and passes everything on. `handshakes` counts those that were good.

    Who speaks without TLS is passed on as he is: Sentinels and copies of the tests do. `context`
    may be changed: it counts for connections from then on.
    """

    def __init__(self, context: ssl.SSLContext, far: Callable[[], Awaitable[Streams]]) -> None:
        self.context = context
        self.handshakes = 0
        self.port = 0
        self._far = far
        self._fresh: set[socket.socket] = set()
        """Accepted, and not yet owned by a transport."""

    async def serve(self, listener: socket.socket, tasks: asyncio.TaskGroup) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(listener)
            near.setblocking(False)  # noqa: FBT003 -- the library's
            self._fresh.add(near)
            tasks.create_task(self._relay(near))

    async def _relay(self, near: socket.socket) -> None:
        """One connection, to its end."""
        with suppress(OSError, TimeoutError):
            context = self.context if await _first_byte(near) == TLS_HANDSHAKE else None
            self._fresh.discard(near)
            reader, writer = await _opened(near, context)
            self.handshakes += context is not None
            with closing(writer):
                far_reader, far_writer = await self._far()
                with closing(far_writer):
                    await pass_on((reader, writer), (far_reader, far_writer))

    def close(self) -> None:
        """Close what was accepted too late to be served."""
        for near in self._fresh:
            near.close()


async def _first_byte(near: socket.socket) -> bytes:
    """What a connection begins with, left where it is."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(near, ready.set)
    try:
        async with asyncio.timeout(PLAIN_S):
            await ready.wait()
    finally:
        loop.remove_reader(near)
    return near.recv(1, socket.MSG_PEEK)


async def _opened(near: socket.socket, context: ssl.SSLContext | None) -> Streams:
    """Streams of an accepted socket. Raises `OSError`, of which TLS errors are a kind."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, protocol = await loop.connect_accepted_socket(
        lambda: asyncio.StreamReaderProtocol(reader), near, ssl=context
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


@asynccontextmanager
async def tls_relay(
    context: ssl.SSLContext, far: Callable[[], Awaitable[Streams]], port: int = 0
) -> AsyncIterator[TlsRelay]:
    """A relay on a local port, by default a free one."""
    relay = TlsRelay(context, far)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.setblocking(False)  # noqa: FBT003 -- the library's
        relay.port = listener.getsockname()[1]
        try:
            async with cancelled_at_end() as tasks:
                tasks.create_task(relay.serve(listener, tasks))
                yield relay
        finally:
            relay.close()
