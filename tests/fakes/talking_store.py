"""A server that speaks the protocol of stores and answers what a test wants, also as a Sentinel."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import hiredis

Answer = Callable[[list[bytes]], str]
GREETING = "%2\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n"


class TalkingStore:
    """One server. `told` are commands but those of a connection's beginning.

    An empty answer is silence.
    """

    def __init__(self, answer: Answer) -> None:
        self.told: list[list[bytes]] = []
        self.writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._answer = answer

    @property
    def open(self) -> int:
        """How many are connected."""
        return len(self.writers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.writers.add(writer)
        parser = hiredis.Reader()
        try:
            while piece := await reader.read(65_536):
                parser.feed(piece)
                while (command := parser.gets()) is not False:
                    writer.write(self._reply(command).encode())
                await writer.drain()
        except OSError:
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def _reply(self, command: list[bytes]) -> str:
        match command[0].upper():
            case b"HELLO":
                return GREETING
            case b"CLIENT":
                return "+OK\r\n"
        self.told.append(command)
        return self._answer(command)


def watched_master(name: str, port: int, term: int, flags: str = "master") -> str:
    """What a Sentinel says that watches one master."""
    fields: dict[str, Any] = {
        "name": name,
        "ip": "127.0.0.1",
        "port": port,
        "flags": flags,
        "num-other-sentinels": 0,
        "config-epoch": term,
    }
    pairs = "".join(f"+{key}\r\n+{value}\r\n" for key, value in fields.items())
    return f"*1\r\n%{len(fields)}\r\n{pairs}"


@asynccontextmanager
async def talking_store(answer: Answer) -> AsyncIterator[TalkingStore]:
    """A server on a local port."""
    store = TalkingStore(answer)
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    store.port = server.sockets[0].getsockname()[1]
    try:
        yield store
    finally:
        server.close()
        for writer in store.writers:
            writer.close()
