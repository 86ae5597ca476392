"""The connection, against a gateway that plays a script."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from websockets.frames import CloseCode as WsCloseCode

from codelab_client.connection import Connection, GatewayRefusedError, Target
from codelab_core.clock import SYSTEM_CLOCK, jitter_source
from codelab_core.server import cancelled_at_end
from fakes.fake_gateway import FakeGateway, Script, Talk, fake_gateway

Frame = dict[str, Any]


def event(seq: int, **fields: Any) -> Frame:
    return {"type": "turn_started", "seq": seq, "turn_id": "t1", "message_id": "u", **fields}


def connection_to(gateway: FakeGateway, **fields: Any) -> Connection:
    url = "ws" + gateway.url.removeprefix("http")
    target = Target(url=url, session_id="s", client_id="c1", **fields)
    return Connection(target, SYSTEM_CLOCK, jitter_source())


class Frames:
    """What a connection hands out, as it comes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.seen: list[Frame] = []
        self._changed = asyncio.Event()

    async def run(self) -> None:
        async for frame in self.connection.frames():
            self.seen.append(frame)
            self._changed.set()

    async def until(self, fits: Callable[[list[Frame]], bool]) -> list[Frame]:
        with anyio.fail_after(5):
            while not (self.seen and fits(self.seen)):
                self._changed.clear()
                await self._changed.wait()
        return self.seen


@asynccontextmanager
async def following(*scripts: Script, **fields: Any) -> AsyncIterator[tuple[FakeGateway, Frames]]:
    async with fake_gateway(*scripts) as gateway, cancelled_at_end() as tasks:
        frames = Frames(connection_to(gateway, **fields))
        tasks.create_task(frames.run())
        yield gateway, frames


async def test_the_first_frame_says_who_speaks_and_what_it_can_do() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.stay()

    async with following(script, token="secret", tools=["read_file"]) as (gateway, frames):
        await frames.until(lambda seen: len(seen) == 1)

    assert gateway.talks[0].frames == [
        {
            "type": "hello",
            "version": 1,
            "client": {"id": "c1", "name": "codelab"},
            "role": "driver",
            "tools": ["read_file"],
        }
    ]
    assert gateway.headers == ["Bearer secret"]


async def test_events_are_handed_out_once_and_the_position_goes_with_them() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.send(event(1), event(2), event(2), event(1), event(3))
        await talk.stay()

    async with following(script) as (_, frames):
        seen = await frames.until(lambda seen: len(seen) == 4)

    assert [frame.get("seq") for frame in seen] == [None, 1, 2, 3]
    assert (frames.connection.epoch, frames.connection.seq) == ("e1", 3)


async def test_a_cut_connection_resumes_where_it_was() -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.send(event(1), event(2))
        await talk.receive("ack")
        talk.socket.transport.abort()

    async def second(talk: Talk) -> None:
        await talk.welcome(replay="tail")
        await talk.send(event(3))
        await talk.stay()

    async with following(first, second) as (gateway, frames):
        await frames.until(lambda seen: seen[-1].get("seq") == 3)

    resumed = gateway.talks[1].frames[0]["resume"]
    assert resumed["epoch"] == "e1"
    assert resumed["seq"] in {1, 2}
    assert [f["seq"] for f in frames.seen if "seq" in f] == [1, 2, 3]
    assert frames.connection.sockets == 2


async def test_a_command_is_sent_again_until_it_is_answered() -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive("user_message")
        talk.socket.transport.abort()

    async def second(talk: Talk) -> None:
        await talk.welcome()
        again = await talk.receive("user_message")
        await talk.ok(again, message_id="u-1")
        await talk.stay()

    async with following(first, second) as (gateway, frames):
        await frames.until(bool)
        with anyio.fail_after(5):
            answer = await frames.connection.send({"type": "user_message", "content": "hi"})

    sent = [talk.frames[-1] for talk in gateway.talks]
    assert sent[0] == sent[1]
    assert answer == {"type": "ok", "cid": sent[0]["cid"], "message_id": "u-1"}
    assert frames.connection.outgoing.open == ()


async def test_a_command_before_the_welcome_waits_for_it() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.ok(await talk.receive("cancel"))
        await talk.stay()

    async with fake_gateway(script) as gateway, cancelled_at_end() as tasks:
        connection = connection_to(gateway)
        sent = tasks.create_task(connection.send({"type": "cancel"}))
        tasks.create_task(Frames(connection).run())
        with anyio.fail_after(5):
            assert (await sent)["type"] == "ok"


async def test_a_refused_command_returns_the_error() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        command = await talk.receive("cancel")
        await talk.send({"type": "error", "cid": command["cid"], "code": "RATE_LIMIT"})
        await talk.stay()

    async with following(script) as (_, frames):
        await frames.until(bool)
        with anyio.fail_after(5):
            answer = await frames.connection.send({"type": "cancel"})

    assert answer["code"] == "RATE_LIMIT"


async def test_tool_calls_are_acknowledged_at_once() -> None:
    acked = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.send(event(1), event(2), {"type": "tool_call", "seq": 3, "call_id": "c"})
        while 3 not in talk.acks:
            await talk.receive("ack")
        acked.set()
        await talk.stay()

    async with following(script):
        with anyio.fail_after(5):
            await acked.wait()


async def test_silence_is_answered_by_a_ping() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(heartbeat_ms=50)
        await talk.receive("ping")
        await talk.send({"type": "pong"})
        await talk.stay()

    async with following(script) as (_, frames):
        await frames.until(lambda seen: seen[-1]["type"] == "pong")


async def test_a_resync_moves_the_position() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.send({"type": "resync", "epoch": "e2", "seq": 9}, event(9), event(10))
        await talk.stay()

    async with following(script) as (_, frames):
        await frames.until(lambda seen: seen[-1].get("seq") == 10)

    assert [frame.get("seq") for frame in frames.seen] == [None, 9, 10]
    assert (frames.connection.epoch, frames.connection.seq) == ("e2", 10)


@pytest.mark.parametrize("code", [4401, 4403, 4404, 4406, 4409])
async def test_close_codes_that_forbid_coming_back_are_raised(code: int) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.socket.close(code, "REASON")

    async with fake_gateway(script) as gateway:
        with anyio.fail_after(5), pytest.raises(GatewayRefusedError, match=f"REASON .{code}."):
            await Frames(connection_to(gateway)).run()


@pytest.mark.parametrize("code", [WsCloseCode.GOING_AWAY, 4503, 4508, 3000])
async def test_after_other_close_codes_it_comes_back(code: int) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.socket.close(code)

    async def second(talk: Talk) -> None:
        await talk.welcome()
        await talk.stay()

    async with following(first, second) as (_, frames):
        await frames.until(lambda seen: len(seen) == 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_http_refusals_that_forbid_coming_back_are_raised(status: int) -> None:
    async with fake_gateway() as gateway:
        gateway.refuse = (status, "no token")
        with anyio.fail_after(5), pytest.raises(GatewayRefusedError, match=f"HTTP {status}: no"):
            await Frames(connection_to(gateway)).run()


async def test_a_busy_gateway_is_tried_again() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.stay()

    async with fake_gateway(script) as gateway, cancelled_at_end() as tasks:
        gateway.refuse = (503, "later")
        frames = Frames(connection_to(gateway))
        tasks.create_task(frames.run())
        with anyio.fail_after(5):
            while not gateway.headers:
                await anyio.lowlevel.checkpoint()
        gateway.refuse = None
        await frames.until(bool)


async def test_closing_leaves_the_socket() -> None:
    closed = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.socket.wait_closed()
        closed.set()

    async with following(script) as (_, frames):
        await frames.until(bool)
        await frames.connection.close()
        with anyio.fail_after(5):
            await closed.wait()


async def test_closing_what_was_never_open_is_fine() -> None:
    async with fake_gateway() as gateway:
        await connection_to(gateway).close()
