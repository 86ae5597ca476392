"""A pool that asks Sentinels where the master is; real failovers are in the integration tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError

from codelab_runtime.sentinels import PackedMaster, PackedTlsMaster, master_pool
from codelab_runtime.store_address import SentinelAddress


@dataclass
class Talk:
    """Speaks the store's protocol: as a Sentinel that knows a master, and as that master."""

    master: str = "main"
    port: int = 0
    heard: list[list[str]] = field(default_factory=list)
    open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        self.open += 1
        while words := await _command(reader):
            self.heard.append(words)
            writer.write(self._answer([word.upper() for word in words]))
        writer.close()
        self.open -= 1

    def _answer(self, words: list[str]) -> bytes:
        match words:
            case ["SENTINEL", "MASTERS"]:
                facts = {"name": self.master, "ip": "127.0.0.1", "port": str(self.port)}
                facts |= {"flags": "master", "num-other-sentinels": "0", "quorum": "1"}
                return b"*1\r\n" + _map(facts)
            case ["HELLO", *_]:
                return b"%1\r\n+proto\r\n:3\r\n"
            case ["PING", *_]:
                return b"+PONG\r\n"
        return b"+OK\r\n"


def _map(facts: dict[str, str]) -> bytes:
    texts = [f"${len(text)}\r\n{text}\r\n" for fact in facts.items() for text in fact]
    return f"%{len(facts)}\r\n{''.join(texts)}".encode()


async def _command(reader: asyncio.StreamReader) -> list[str]:
    """The words of the next command; none at the end."""
    words = []
    for _ in range(int((await reader.readline())[1:] or 0)):
        size = int((await reader.readline())[1:])
        words.append((await reader.readexactly(size + 2))[:-2].decode())
    return words


@asynccontextmanager
async def talking(master: str = "main") -> AsyncIterator[Talk]:
    talk = Talk(master)
    server = await asyncio.start_server(talk.serve, "127.0.0.1", 0)
    talk.port = server.sockets[0].getsockname()[1]
    async with server:
        yield talk


def address(*ports: int, is_tls: bool = False) -> SentinelAddress:
    return SentinelAddress(tuple(("127.0.0.1", port) for port in ports), "main", is_tls)


async def test_a_command_goes_to_the_master_that_the_sentinels_name() -> None:
    async with talking() as talk:
        pool = master_pool(address(1, talk.port), {"password": "w"}, max_connections=1)
        redis = Redis(connection_pool=pool)

        assert await redis.ping()

        await redis.aclose()
        await pool.disconnect()
    assert [words for words in talk.heard if "w" in words] == [
        ["HELLO", "3", "AUTH", "default", "w"]
    ]
    assert ["SENTINEL", "MASTERS"] in talk.heard


async def test_closing_the_pool_leaves_no_connection_to_anybody() -> None:
    async with talking() as talk:
        pool = master_pool(address(talk.port), {}, max_connections=1)
        await Redis(connection_pool=pool).ping()
        assert talk.open == 2

        await pool.disconnect()

        async with asyncio.timeout(5):
            while talk.open:  # noqa: ASYNC110 -- it is the other side that ends
                await asyncio.sleep(0)


async def test_idle_connections_alone_leave_the_sentinels_be() -> None:
    async with talking() as talk:
        pool = master_pool(address(talk.port), {}, max_connections=1)
        await Redis(connection_pool=pool).ping()

        await pool.disconnect(inuse_connections=False)

        assert await Redis(connection_pool=pool).ping()
        await pool.disconnect()


async def test_sentinels_that_watch_another_master_know_none() -> None:
    async with talking("other") as talk:
        pool = master_pool(address(talk.port), {}, max_connections=1)

        with pytest.raises(MasterNotFoundError):
            await Redis(connection_pool=pool).ping()

        await pool.disconnect()


@pytest.mark.parametrize(("is_tls", "kind"), [(False, PackedMaster), (True, PackedTlsMaster)])
async def test_over_tls_both_are_asked_over_tls(*, is_tls: bool, kind: type) -> None:
    pool = master_pool(address(1, is_tls=is_tls), {}, max_connections=1)

    assert pool.connection_class is kind
    await pool.disconnect()
