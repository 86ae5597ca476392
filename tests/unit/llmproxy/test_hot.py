import asyncio
from collections.abc import Sequence
from typing import Any

import anyio
import orjson
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.hot import ChatEndpoint, Lane, StreamEndpoint, read_body
from codelab_llmproxy.inference import HEARTBEAT
from codelab_llmproxy.inferences import Inferences
from codelab_llmproxy.metrics import Metrics
from fakes.clock import HandClock
from fakes.stage import StageOffer, StageProvider, stage_catalogue

BODY = {"messages": [{"role": "user", "content": "Hi"}]}


class Caller:
    """The other end of one request: gives its body, collects the answer, may leave."""

    def __init__(self, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.scope = {"type": "http", "method": "POST", "headers": list(headers)}
        self.sent: list[Any] = []
        self.beaten = asyncio.Event()
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        for part in (body[:10], body[10:]):
            self._messages.put_nowait({"type": "http.request", "body": part, "more_body": True})
        self._messages.put_nowait({"type": "http.request", "body": b""})

    async def receive(self) -> Any:
        return await self._messages.get()

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message.get("body") == HEARTBEAT:
            self.beaten.set()

    def leave(self) -> None:
        for kind in ("http.request", "http.disconnect"):
            self._messages.put_nowait({"type": kind})

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Proxy:
    """The two endpoints before the stage."""

    def __init__(self, heartbeat_s: float = 10) -> None:
        self.provider = StageProvider()
        clock = HandClock()
        metrics = Metrics(CollectorRegistry(), clock)
        settings = LLMProxySettings.load()
        self.inferences = Inferences(
            settings, StageOffer(stage_catalogue(self.provider)), metrics, clock
        )
        lane = Lane(self.inferences, 10_000, heartbeat_s)
        self.stream, self.chat = StreamEndpoint(lane), ChatEndpoint(lane)

    async def ask(self, caller: Caller, endpoint: StreamEndpoint | ChatEndpoint) -> None:
        with anyio.fail_after(5):
            await endpoint(caller.scope, caller.receive, caller.send)


async def test_a_stream_is_answered_chunk_by_chunk() -> None:
    proxy = Proxy()
    caller = Caller(orjson.dumps(BODY | {"inference_id": "i-1"}))
    proxy.provider.say("a")
    proxy.provider.finish()

    async with proxy.inferences.running():
        await proxy.ask(caller, proxy.stream)

    assert caller.sent[0] == {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
        ],
    }
    assert caller.body == b"".join(proxy.inferences.find("i-1").record.read(0))
    assert caller.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_the_last_event_id_tells_where_to_go_on() -> None:
    proxy = Proxy()
    body = orjson.dumps(BODY | {"inference_id": "i-1"})
    callers = [Caller(body), Caller(body, [(b"last-event-id", b"i-1:0")])]
    proxy.provider.say("a", "b")
    proxy.provider.finish()

    async with proxy.inferences.running():
        for caller in callers:
            await proxy.ask(caller, proxy.stream)

    assert callers[0].body.endswith(callers[1].body)
    assert callers[1].body.startswith(b"id: i-1:1\n")


async def test_a_caller_that_leaves_detaches_and_without_an_id_cancels() -> None:
    proxy = Proxy()
    callers = [Caller(orjson.dumps(BODY | {"inference_id": "i-1"})), Caller(orjson.dumps(BODY))]

    async with proxy.inferences.running():
        for caller in callers:
            caller.leave()
            await proxy.ask(caller, proxy.stream)
        states = [entry.inference.state for entry in proxy.inferences._live.values()]

    assert states == ["live"]


async def test_silence_is_filled() -> None:
    proxy = Proxy(heartbeat_s=0.01)
    caller = Caller(orjson.dumps(BODY))

    async with proxy.inferences.running(), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(proxy.ask(caller, proxy.stream))
        caller._messages.put_nowait({"type": "http.request"})
        await caller.beaten.wait()
        proxy.provider.say("a")
        proxy.provider.finish()
        await asked

    assert b"event: done" in caller.body


async def test_a_chat_is_one_answer() -> None:
    proxy = Proxy()
    caller = Caller(orjson.dumps(BODY))
    proxy.provider.say("a", " b")
    proxy.provider.finish()

    async with proxy.inferences.running():
        await proxy.ask(caller, proxy.chat)

    assert orjson.loads(caller.body)["message"]["content"] == "a b"
    assert caller.sent[0]["status"] == 200


async def test_a_chat_that_fails_raises_what_failed() -> None:
    proxy = Proxy()
    proxy.provider.say("a")
    proxy.provider.script.put_nowait(CodelabError(Code.PROVIDER_TIMEOUT, "deadline"))

    async with proxy.inferences.running():
        with pytest.raises(CodelabError, match="PROVIDER_TIMEOUT/deadline"):
            await proxy.ask(Caller(orjson.dumps(BODY)), proxy.chat)


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        pytest.param(
            Caller(b"{}", [(b"content-length", b"10001")]), "TOO_LARGE/body", id="declared"
        ),
        pytest.param(Caller(b"x" * 10_001), "TOO_LARGE/body", id="undeclared"),
        pytest.param(
            Caller(b"x" * 10_001, [(b"content-length", b"x")]), "TOO_LARGE/body", id="garbled"
        ),
        pytest.param(Caller(b"{"), "INVALID_REQUEST/body", id="no-json"),
    ],
)
async def test_bad_bodies_are_refused_before_anything_is_sent(caller: Caller, code: str) -> None:
    proxy = Proxy()

    async with proxy.inferences.running():
        with pytest.raises(CodelabError, match=f"^{code}"):
            await proxy.ask(caller, proxy.stream)

    assert caller.sent == []


async def test_a_body_that_breaks_off_is_no_request() -> None:
    caller = Caller(b"{}")
    caller._messages = asyncio.Queue()
    caller._messages.put_nowait({"type": "http.disconnect"})

    with pytest.raises(CodelabError, match="CANCELLED"):
        await read_body(caller.scope, caller.receive, 10)
