import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.errors import CodelabError
from codelab_llmproxy.clocks import Limits, Watch
from codelab_llmproxy.egress import (
    SLICE_BYTES,
    Call,
    Egress,
    ForbiddenAddressError,
    GuardedResolver,
)
from fakes.upstreams import Play, Upstream, refusal, upstream

WHOLE = Play((b"one", b"two"))


class Book(AbstractResolver):
    """Every host is at these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        self.closed = True


def call(url: str, body: bytes = b"{}", *, allow_private: bool = True) -> Call:
    return Call(url, {"X-Own": "1"}, body, allow_private)


def watch() -> Watch:
    return Watch(Limits(), 60, SYSTEM_CLOCK)


@asynccontextmanager
async def reaching(*plays: Play) -> AsyncIterator[tuple[Egress, Upstream]]:
    async with upstream(*plays) as acting, Egress(SYSTEM_CLOCK) as egress:
        yield egress, acting


async def answer(egress: Egress, asked: Call, on: Watch | None = None) -> bytes:
    async with egress.answer(asked, on or watch()) as reply:
        return b"".join([piece async for piece in reply.pieces])


async def reason_of(egress: Egress, asked: Call, on: Watch | None = None) -> str | None:
    with pytest.raises(CodelabError) as caught:
        await answer(egress, asked, on)
    return caught.value.reason


async def test_a_connection_is_used_again_where_all_was_read() -> None:
    async with reaching(WHOLE) as (egress, acting):
        bodies = [await answer(egress, call(acting.url)) for _ in range(3)]

    assert bodies == [b"onetwo"] * 3
    assert acting.connections == 1


async def test_one_that_was_left_is_not_and_its_provider_sees_it_at_once() -> None:
    async with reaching(Play((b"one",), fault="hang"), WHOLE) as (egress, acting):
        async with egress.answer(call(acting.url), watch()) as reply:
            await anext(aiter(reply.pieces))
        async with asyncio.timeout(0.5):
            await acting.until_left()
        await answer(egress, call(acting.url))

    assert acting.connections == 2


async def test_a_connection_that_died_in_the_pool_is_replaced_once() -> None:
    """Regression 27."""
    dying = Play((b"x",), fault="idle-close")
    async with reaching(dying, WHOLE) as (egress, acting):
        await answer(egress, call(acting.url))
        again, on = call(acting.url), watch()
        body = await answer(egress, again, on)

    assert (body, on.reused, len(acting.asked)) == (b"onetwo", True, 2)


async def test_a_fresh_connection_that_dies_is_not_tried_again() -> None:
    async with reaching(Play(status=0, fault="reset")) as (egress, acting):
        reason = await reason_of(egress, call(acting.url))

    assert (reason, len(acting.asked)) == ("reset", 1)


async def test_the_second_connection_may_die_too() -> None:
    dying = Play((b"x",), fault="idle-close")
    async with reaching(dying, Play(status=0, fault="cut")) as (egress, acting):
        await answer(egress, call(acting.url))
        reason = await reason_of(egress, call(acting.url))

    assert reason == "reset"


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_a_body_that_ends_early_is_cut(fault: str) -> None:
    play = Play((b"one",), fault=fault)  # type: ignore[arg-type]  # one of the literals
    async with reaching(play) as (egress, acting):
        assert await reason_of(egress, call(acting.url)) == "cut"


async def test_nobody_there_is_told_from_nothing_said() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with Egress(SYSTEM_CLOCK) as egress:
            assert await reason_of(egress, call(url)) == "connect_failed"
            assert await reason_of(egress, call("http://no host/")) == "connect_failed"


async def test_what_is_no_http_is_a_fault_of_the_server() -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-no\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Egress(SYSTEM_CLOCK) as egress:
        assert await reason_of(egress, call(f"http://127.0.0.1:{port}")) == "server_error"


async def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    away = refusal(302, {}, Location="http://127.0.0.1:1/", Set_Cookie="a=b")
    async with reaching(away, WHOLE) as (egress, acting):
        async with egress.answer(call(acting.url), watch()) as reply:
            status, body = reply.status, await reply.body(100)
        await answer(egress, call(acting.url))

    assert (status, body) == (302, b"{}")
    assert "cookie" not in acting.asked[1].headers


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with reaching(WHOLE) as (egress, acting):
        assert await answer(egress, call(acting.url)) == b"onetwo"


async def test_a_large_body_is_sent_whole() -> None:
    body = bytes(range(256)) * (SLICE_BYTES // 128)
    async with reaching(WHOLE) as (egress, acting):
        await answer(egress, call(acting.url, body))

    assert acting.asked[0].raw == body
    assert "transfer-encoding" not in acting.asked[0].headers


async def test_the_beginning_of_a_long_refusal_is_enough() -> None:
    async with (
        reaching(Play((b"x" * 50,) * 4, fault="hang")) as (egress, acting),
        egress.answer(call(acting.url), watch()) as reply,
    ):
        assert await reply.body(120) == b"x" * 120


async def test_nagle_is_off() -> None:
    async with (
        reaching(Play((b"x",), fault="hang")) as (egress, acting),
        egress.answer(call(acting.url), watch()) as reply,
    ):
        connection = reply._response.connection
        assert connection is not None
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]"])
async def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    """Regression 23."""
    async with Egress(SYSTEM_CLOCK) as egress:
        with pytest.raises(CodelabError, match="not public") as caught:
            await answer(egress, call(f"https://{host}:1/", allow_private=False))

    assert (caught.value.code, caught.value.reason) == ("PROVIDER_ERROR", "connect_failed")


async def test_a_name_that_leads_home_is_refused_before_anything_is_sent() -> None:
    async with reaching(WHOLE) as (egress, acting):
        asked = call(f"http://localhost:{acting.port}/", allow_private=False)
        with pytest.raises(CodelabError, match="not public"):
            await answer(egress, asked)

    assert acting.connections == 0


async def test_the_resolver_gives_out_what_it_checked() -> None:
    book = Book("8.8.8.8", "2606:4700::1")
    resolver = GuardedResolver(book)

    found = await resolver.resolve("example.org", 443)
    await resolver.close()

    assert ([one["host"] for one in found], book.closed) == (["8.8.8.8", "2606:4700::1"], True)
    with pytest.raises(ForbiddenAddressError):
        await GuardedResolver(Book("8.8.8.8", "10.0.0.1")).resolve("example.org")
