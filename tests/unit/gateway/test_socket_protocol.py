import socket as sockets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from codelab_core.server import bind
from codelab_gateway import socket_protocol as module
from codelab_gateway.socket_protocol import AbortableProtocol, abort
from fakes.quick_server import quickly_served
from harness.front import Front
from harness.sockets import opened

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@asynccontextmanager
async def raw(port: int, path: str = "/ws/s") -> AsyncIterator[SocketStream]:
    """A WebSocket without a library: bytes as we like them."""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        head = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        )
        await stream.send(head.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await stream.receive()
        assert answer.startswith(b"HTTP/1.1 101")
        yield stream


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """One frame of RFC 6455; the mask is zero."""
    first = (0x80 if fin else 0) | opcode
    mask = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, mask | len(payload))
    else:
        head = struct.pack("!BBQ", first, mask | 127, len(payload))
    return head + (b"\0\0\0\0" if masked else b"") + payload


async def close_code(stream: SocketStream) -> int:
    """The code of the close frame that comes next, whatever came before it."""
    received = b""
    with anyio.fail_after(20):
        while True:
            try:
                received += await stream.receive()
            except anyio.EndOfStream:
                break
    at = received.rindex(b"\x88")
    return int.from_bytes(received[at + 2 : at + 4])


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        pytest.param(frame(1, b"\xff\xfe"), 1007, id="bad-utf-8"),
        pytest.param(frame(1, b"{}", masked=False), 1002, id="unmasked"),
        pytest.param(frame(3, b""), 1002, id="reserved-opcode"),
        pytest.param(frame(9, b"x" * 126), 1002, id="long-ping"),
        pytest.param(frame(0, b"x"), 1002, id="continuation-of-nothing"),
        pytest.param(frame(1, b"x" * 1_300_000), 1009, id="too-large"),
        pytest.param(
            frame(1, b"x" * 700_000, fin=False) + frame(0, b"x" * 700_000), 1009, id="in-pieces"
        ),
    ],
)
async def test_who_breaks_the_protocol_hears_why(gateway: Front, wire: bytes, code: int) -> None:
    async with raw(gateway.running.port) as stream:
        await stream.send(wire)

        assert await close_code(stream) == code


async def test_others_are_not_affected_by_who_breaks_the_protocol(gateway: Front) -> None:
    async with opened(f"{gateway.socket_url}/ws/s") as socket, raw(gateway.running.port) as stream:
        await stream.send(frame(1, b"\xff"))
        await close_code(stream)
        await socket.send({"type": "ping"})

        assert await socket.receive() == {"type": "pong"}


async def test_a_message_in_very_many_pieces_is_one_message(gateway: Front) -> None:
    text = b'{"type":"ping","t":"' + b"x" * 20_000 + b'"}'
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    wire = frame(1, pieces[0], fin=False)
    wire += b"".join(frame(0, piece, fin=False) for piece in pieces[1:-1])
    wire += frame(0, pieces[-1])
    async with raw(gateway.running.port) as stream:
        await stream.send(wire)
        received = b""
        with anyio.fail_after(20):
            while len(received) < 20_000:
                received += await stream.receive()

    assert received.count(b"x") == 20_000
    assert b'"type":"pong"' in received


async def test_pings_of_clients_are_answered(gateway: Front) -> None:
    """P19."""
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        with anyio.fail_after(20):
            latency = await (await socket.socket.ping())

    assert latency < 1


@asynccontextmanager
async def served(app: Any, **options: Any) -> AsyncIterator[int]:
    """The port of an application behind this protocol."""
    listener = bind("127.0.0.1", 0)
    async with quickly_served(app, listener, ws=AbortableProtocol, **options):
        yield int(listener.getsockname()[1])


async def accepted(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def cut(stream: SocketStream) -> None:
    """Wait until the peer has cut the connection."""
    with anyio.fail_after(20):
        try:
            while True:
                await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return


async def test_the_application_can_cut_a_connection() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send)
        abort(scope)
        abort({})

    async with served(app) as port, raw(port) as stream:
        await cut(stream)


async def test_a_peer_that_answers_no_ping_is_cut() -> None:
    left: list[int] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send)
        left.append((await receive())["code"])

    async with served(app, ws_ping_interval=0.02, ws_ping_timeout=0.02) as port:
        async with raw(port) as stream:
            await cut(stream)
        with anyio.fail_after(20):
            while not left:
                await anyio.lowlevel.checkpoint()

    assert left in ([1005], [1006])


async def test_a_peer_that_takes_nothing_is_cut_after_the_application_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LINGER_S", 0.05)
    done = anyio.Event()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send)
        with anyio.move_on_after(0.2):
            for _ in range(100):
                await send({"type": "websocket.send", "text": "x" * 1_000_000})
        done.set()

    async with served(app) as port:
        with sockets.create_connection(("127.0.0.1", port)) as deaf:
            head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            key = f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
            deaf.sendall((head + key).encode())
            with anyio.fail_after(20):
                await done.wait()
                fault = None
                while fault is None:
                    fault = await anyio.to_thread.run_sync(reset_of, deaf)

    assert isinstance(fault, OSError) or fault == "end"


def reset_of(deaf: sockets.socket) -> OSError | str | None:
    """How a connection ended: read all that was on its way."""
    try:
        return None if deaf.recv(1_000_000) else "end"
    except OSError as error:
        return error
