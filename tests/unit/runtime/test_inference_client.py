import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from typing import Any
from zlib import crc32

import orjson
import pytest
from aiohttp import ClientTimeout, web
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.backoff import Backoff
from codelab_core.clock import jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import InternalKeys
from codelab_runtime import inference_client as module
from codelab_runtime.inference_client import InferenceClient, Progress, Read

TOKENS = [b'{"token":"a"}', b'{"token":"b"}', b'{"token":"c"}']
DONE = b'{"finish_reason":"stop"}'
Answer = Callable[[dict[str, Any]], tuple[int, bytes]]


def stream(start: int, *events: tuple[bytes, bytes]) -> bytes:
    """Recorded events from a number on."""
    return b"".join(
        b"id: i-1:%d\nevent: %b\ndata: %b\n\n" % (n, kind, data)
        for n, (kind, data) in enumerate(events, start)
    )


def tokens(first: int, last: int) -> list[tuple[bytes, bytes]]:
    return [(b"token", TOKENS[n]) for n in range(first, last)]


def crc(upto: int, *more: bytes) -> int:
    found = 0
    for piece in (*TOKENS[:upto], *more):
        found = crc32(piece, found)
    return found


class Proxy:
    """A proxy that answers as it is told, one answer per request; the last one stays."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.callers: list[object] = []

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        self.bodies.append(orjson.loads(body) if body else request.path)
        self.headers.append(dict(request.headers))
        self.callers.append(request.transport and request.transport.get_extra_info("peername"))
        status, answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, body=answer)


@asynccontextmanager
async def talking_to(
    proxy: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[InferenceClient]:
    runner = web.ServerRunner(web.Server(proxy))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    client = InferenceClient(f"http://127.0.0.1:{port}/", InternalKeys(("k",)), jitter_source())
    async with client:
        yield client
    await runner.cleanup()


PATIENCE = module.RETRY


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", Backoff(first_s=0.001, longest_s=0.002, tries=3))


async def read(client: InferenceClient, start: Progress | None = None) -> list[Read]:
    request = {"inference_id": "i-1"}
    return [item async for item in client.follow(request, start or Progress())]


def test_a_proxy_may_be_away_for_half_a_minute() -> None:
    dice = Random(1)  # noqa: S311 -- repeatable on purpose

    waited = [sum(PATIENCE.delays(dice.uniform)) for _ in range(1_000)]

    assert min(waited) > 20
    assert 30 < sum(waited) / len(waited) < 40


async def test_neighbouring_text_is_one_read() -> None:
    call = b'{"index":0,"name":"x","arguments":{}}'
    body = stream(0, *tokens(0, 2), (b"tool_call", call), *tokens(2, 3), (b"done", DONE))
    proxy = Proxy((200, b": hello\n\n" + body))

    async with talking_to(proxy) as client:
        reads = await read(client)

    assert [(r.n, r.text, r.kind) for r in reads] == [
        (2, "ab", ""),
        (3, "", "tool_call"),
        (4, "c", ""),
        (5, "", "done"),
    ]
    assert reads[0].crc == crc(2)
    assert reads[1].fields == {"index": 0, "name": "x", "arguments": {}}
    assert proxy.bodies == [{"inference_id": "i-1"}]
    assert proxy.headers[0]["X-Internal-Auth"] == "k"


async def test_a_stream_that_falls_silent_is_attached_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PHASES", ClientTimeout(total=None, sock_read=0.1))
    rest = Proxy((200, stream(2, *tokens(2, 3), (b"done", DONE))))
    given_up = asyncio.Event()

    async def silent_at_first(request: web.BaseRequest) -> web.StreamResponse:
        if b"from" in await request.read():
            given_up.set()
            return await rest(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(stream(0, *tokens(0, 2)))
        await given_up.wait()
        return response

    async with talking_to(silent_at_first) as client:
        reads = await read(client)

    assert "".join(r.text for r in reads) == "abc"
    assert rest.bodies == [{"inference_id": "i-1", "from": 2, "crc": crc(2)}]


async def test_a_cut_stream_is_attached_where_it_was_read() -> None:
    rest = stream(2, *tokens(2, 3), (b"done", DONE))
    proxy = Proxy((200, stream(0, *tokens(0, 2))), (503, b"x"), (200, rest))

    async with talking_to(proxy) as client:
        reads = await read(client)

    assert "".join(r.text for r in reads) == "abc"
    assert reads[-1].crc == crc(3, DONE)
    assert proxy.bodies[1:] == [{"inference_id": "i-1", "from": 2, "crc": crc(2)}] * 2


async def test_a_successor_attaches_where_its_predecessor_was() -> None:
    proxy = Proxy((200, stream(2, *tokens(2, 3), (b"done", DONE))))

    async with talking_to(proxy) as client:
        reads = await read(client, Progress(2, crc(2)))

    assert [(r.n, r.text) for r in reads] == [(3, "c"), (4, "")]
    assert proxy.bodies == [{"inference_id": "i-1", "from": 2, "crc": crc(2)}]


async def test_a_proxy_that_stays_away_is_given_up() -> None:
    proxy = Proxy((500, b"no json"))

    async with talking_to(proxy) as client:
        with pytest.raises(CodelabError) as caught:
            await read(client)

    assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "proxy")
    assert len(proxy.bodies) == 4


async def test_after_a_refusal_the_next_connection_may_meet_another_proxy() -> None:
    refused = CodelabError(Code.UNAVAILABLE, "draining").to_wire()
    proxy = Proxy((503, orjson.dumps({"error": refused})), (404, b""), (200, b""))

    async with talking_to(proxy) as client:
        with pytest.raises(CodelabError):
            await read(client)

    assert len(set(proxy.callers[:3])) == 3


async def test_progress_gives_new_patience() -> None:
    pieces = [(200, stream(n, *tokens(n, n + 1))) for n in range(3)]
    empty = (200, b"")
    proxy = Proxy(empty, empty, pieces[0], empty, empty, pieces[1], empty, empty, pieces[2], empty)

    got: list[str] = []
    async with talking_to(proxy) as client:
        with pytest.raises(CodelabError):
            await _collect(client, got)

    assert got == ["a", "b", "c"]


async def _collect(client: InferenceClient, into: list[str]) -> None:
    """Keep the text up to the error."""
    async for item in client.follow({"inference_id": "i-1"}, Progress()):
        into.append(item.text)  # noqa: PERF401 -- it ends with an error


async def test_a_refusal_is_an_answer() -> None:
    error = CodelabError(Code.CONFLICT, "buffer_lost")
    proxy = Proxy((409, orjson.dumps({"error": error.to_wire()})))

    async with talking_to(proxy) as client:
        with pytest.raises(CodelabError) as caught:
            await read(client)

    assert (caught.value.code, caught.value.reason) == (Code.CONFLICT, "buffer_lost")
    assert len(proxy.bodies) == 1


async def test_cancelling_names_the_fence_and_never_fails() -> None:
    proxy = Proxy((404, b""))

    async with talking_to(proxy) as client:
        await client.cancel("i-1", 7)
    gone = InferenceClient("http://127.0.0.1:9", None, jitter_source())
    async with gone:
        await gone.cancel("i-1", 7)

    assert proxy.bodies == ["/llm/inferences/i-1"]
    assert proxy.headers[0]["X-Fence"] == "7"


async def test_a_get_is_json_or_an_error() -> None:
    proxy = Proxy((200, b'[{"id":"m"}]'), (200, b"{"), (503, b"x"))

    async with talking_to(proxy) as client:
        models = await client.get("/llm/models")
        for _ in range(2):
            with pytest.raises(CodelabError, match="UNAVAILABLE"):
                await client.check()

    assert models == [{"id": "m"}]


async def test_a_client_is_opened_first() -> None:
    with pytest.raises(RuntimeError, match="not opened"):
        await InferenceClient("http://127.0.0.1:9", None, jitter_source()).get("/")


CALL = b'{"index":0,"name":"git.diff","arguments":{"path":"\xc3\xa4"}}'
RECORDED = b": hello\n\n" + stream(
    0,
    *tokens(0, 2),
    (b"thinking", b'{"text":"hm"}'),
    (b"tool_call", CALL),
    (b"token", '{"token":"ü€𝄞"}'.encode()),
    (b"usage", b'{"prompt_tokens":3}'),
    (b"done", DONE),
)


@settings(max_examples=200, deadline=None)
@given(st.sets(st.integers(1, len(RECORDED) - 1), max_size=12))
async def test_a_stream_means_the_same_however_its_bytes_are_cut(cuts: set[int]) -> None:
    """R-04: between any two bytes, also inside of a character."""
    places = [0, *sorted(cuts), len(RECORDED)]
    pieces = [RECORDED[a:b] for a, b in pairwise(places)]

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        return response

    async with talking_to(answer) as client:
        reads = await read(client)

    text = "".join(r.text for r in reads)
    marks = [(r.n, r.kind, r.fields) for r in reads if r.kind]
    assert text == "abü€𝄞"
    assert marks == [
        (3, "thinking", {"text": "hm"}),
        (4, "tool_call", orjson.loads(CALL)),
        (6, "usage", {"prompt_tokens": 3}),
        (7, "done", {"finish_reason": "stop"}),
    ]
    assert [r.n for r in reads] == sorted(r.n for r in reads)
