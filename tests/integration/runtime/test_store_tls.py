"""A store behind TLS: whom the runtime believes, and what it shows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from codelab_core.settings import RuntimeSettings
from codelab_runtime.backend import open_backend
from fakes.certificates import Authority
from fakes.tls_relay import TlsRelay, tls_relay
from harness.agent import Agent, text_of
from harness.runtimes import cluster


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def behind_tls(store_server: str, context: Any) -> AsyncIterator[TlsRelay]:
    """The store of the tests, behind TLS."""
    path = store_server.removeprefix("unix://")
    async with tls_relay(context, lambda: asyncio.open_unix_connection(path)) as relay:
        yield relay


def url(relay: TlsRelay, host: str = "localhost") -> str:
    """The address as services are told it."""
    return f"rediss://{host}:{relay.port}"


async def reached(**fields: Any) -> bool:
    """Whether a runtime with these settings can use its store."""
    async with open_backend(RuntimeSettings.exactly(**fields)) as backend:
        try:
            answers = [bool(await redis.ping()) for redis in (backend.commands, backend.channels)]
        except (RedisError, OSError):
            return False
    return answers == [True, True]


async def test_a_turn_over_tls(store_server: str, proxy_url: str, authority: Authority) -> None:
    async with behind_tls(store_server, authority.server("localhost")) as relay:
        fields = {"redis_ca_file": authority.file}
        async with cluster(url(relay), proxy_url, 1, **fields) as runtimes:
            events = await Agent(runtimes).turn("echo hello")

    assert text_of(events) == "Echo: hello"
    assert relay.handshakes > 1


async def test_a_server_of_another_authority_is_not_believed(
    store_server: str, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    async with behind_tls(store_server, authority.server("localhost")) as relay:
        ours = await reached(redis_url=url(relay), redis_ca_file=authority.file)
        theirs = await reached(redis_url=url(relay), redis_ca_file=other.file)
        systems = await reached(redis_url=url(relay))

    assert (ours, theirs, systems) == (True, False, False)


@pytest.mark.parametrize(
    ("names", "host", "is_believed"),
    [
        pytest.param(["localhost"], "localhost", True, id="its own name"),
        pytest.param(["store.example"], "localhost", False, id="another name"),
        pytest.param(["localhost"], "127.0.0.1", False, id="an address it does not name"),
        pytest.param(["store.example", "127.0.0.1"], "127.0.0.1", True, id="an address it names"),
    ],
)
async def test_the_name_of_the_server_is_compared(
    store_server: str, authority: Authority, names: list[str], host: str, *, is_believed: bool
) -> None:
    async with behind_tls(store_server, authority.server(*names)) as relay:
        found = await reached(redis_url=url(relay, host), redis_ca_file=authority.file)

    assert found == is_believed


async def test_a_server_that_asks_for_a_certificate_is_shown_ours(
    store_server: str, authority: Authority
) -> None:
    mine = authority.issue("runtime")
    context = authority.server("localhost", asks_clients=True)
    async with behind_tls(store_server, context) as relay:
        known = {"redis_url": url(relay), "redis_ca_file": authority.file}
        files = {"redis_cert_file": mine.file, "redis_key_file": mine.key_file}
        shown = await reached(**known, **files)
        hidden = await reached(**known)

    assert (shown, hidden) == (True, False)


async def test_a_new_authority_is_believed_without_a_restart(
    store_server: str, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(authority.file.read_bytes())
    other = Authority(tmp_path, "other")
    async with behind_tls(store_server, authority.server("localhost")) as relay:
        settings = RuntimeSettings.exactly(redis_url=url(relay), redis_ca_file=file)
        async with open_backend(settings) as backend:
            before = await backend.commands.ping()
            relay.context = other.server("localhost")
            file.write_bytes(other.file.read_bytes())
            await backend.commands.connection_pool.disconnect()
            after = await backend.commands.ping()

    assert (before, after) == (True, True)
