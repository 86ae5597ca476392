import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import jwt
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_gateway.connection import close_reason
from fakes.fake_runtime import EPOCH, FakeRuntime, Reply, Stream, control, event
from harness.front import Front, front
from harness.sockets import RawSocket, opened

SECRET = "s" * 32
V1 = {"subprotocols": ["codelab.v1"]}


def signed(seconds: float, principal: str = "alice") -> str:
    ends = time.time() + seconds  # noqa: TID251 -- the library reads this clock too
    return jwt.encode({"sub": principal, "exp": int(ends)}, SECRET, algorithm="HS256")


@pytest.fixture
async def guarded(runtime: FakeRuntime, tmp_path: Path) -> AsyncIterator[Front]:
    """A gateway that takes signed tokens."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    fields: dict[str, Any] = {"auth_mode": "jwt", "embedded": False, "jwt_secret_file": secret}
    async with front(runtime.url, **fields) as running:
        yield running


def bearer(token: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


async def ended(socket: RawSocket) -> tuple[Any, tuple[int, str]]:
    """The last error frame, and the close frame."""
    frame = await socket.until("error")
    return (frame["code"], frame.get("class")), await socket.closed()


async def test_a_version_1_client_is_welcomed_and_follows(
    runtime: FakeRuntime, gateway: Front
) -> None:
    runtime.streams.append(Stream((event(1), event(2))))
    async with opened(f"{gateway.socket_url}/ws/s", **V1) as socket:
        welcome = await socket.hello()
        frames = [await socket.receive(), await socket.receive()]

    assert (welcome["epoch"], welcome["head"], welcome["replay"]) == (EPOCH, 0, "none")
    assert [frame["seq"] for frame in frames] == [1, 2]


async def test_two_sockets_of_a_session_get_the_same_events(
    runtime: FakeRuntime, gateway: Front
) -> None:
    """G-02."""
    url = f"{gateway.socket_url}/ws/s"
    async with opened(url) as first, opened(url) as second:
        await first.hello("a")
        await second.hello("b")
        await runtime.settled(lambda: runtime.readers == 1)
        runtime.push(event(1), event(2))
        got = [[await socket.receive() for _ in range(2)] for socket in (first, second)]

    assert got[0] == got[1]
    assert [frame["seq"] for frame in got[0]] == [1, 2]


async def test_an_unsupported_version_is_closed_4406(gateway: Front) -> None:
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await socket.send({"type": "hello", "version": 9, "client": {"id": "a"}})

        assert await ended(socket) == (
            ("UNSUPPORTED_VERSION", None),
            (4406, "UNSUPPORTED_VERSION"),
        )


async def test_a_promised_hello_that_does_not_come_is_closed_4408(runtime: FakeRuntime) -> None:
    async with (
        front(runtime.url, hello_timeout_s=0.05) as running,
        opened(f"{running.socket_url}/ws/s", **V1) as socket,
    ):
        assert await ended(socket) == (("HELLO_TIMEOUT", None), (4408, "HELLO_TIMEOUT"))


async def test_eleven_bad_frames_are_closed_4400(gateway: Front) -> None:
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        bad: list[str | bytes] = ["{", b"\x00", '{"type":"x"}', '{"type":"user_message"}']
        for frame in (bad * 3)[:11]:
            await socket.send(frame)
        codes = [(await socket.receive())["code"] for _ in range(11)]

        assert await socket.closed() == (4400, "UNKNOWN_TYPE")

    assert codes[:4] == ["INVALID_FORMAT", "INVALID_FORMAT", "UNKNOWN_TYPE", "INVALID_FORMAT"]


@pytest.mark.parametrize(
    "size", [pytest.param(1, id="by-a-byte"), pytest.param(100_000, id="by-far")]
)
async def test_a_frame_that_is_too_large_is_closed_1009(gateway: Front, size: int) -> None:
    async with opened(f"{gateway.socket_url}/ws/s", max_size=None) as socket:
        await socket.send("x" * (1_048_576 + size))

        code, _ = await socket.closed()

    assert code == 1009


async def test_a_frame_of_the_largest_size_is_read(runtime: FakeRuntime, gateway: Front) -> None:
    shell = json.dumps({"type": "tool_result", "call_id": "c1", "result": ""})
    frame = json.dumps(
        {"type": "tool_result", "call_id": "c1", "result": "x" * (1_048_576 - len(shell))}
    )
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await socket.send(frame)
        (asked,) = await runtime.until("/message")

    assert len(frame) == 1_048_576
    assert asked.body["message"] == {
        "type": "tool_result",
        "call_id": "c1",
        "result": "x" * (1_048_576 - len(shell)),
    }


async def test_the_same_client_again_closes_the_first_with_4409(gateway: Front) -> None:
    url = f"{gateway.socket_url}/ws/s"
    async with opened(url) as first, opened(url) as second:
        await first.hello("a")
        await second.hello("a")

        assert await ended(first) == (("SESSION_REPLACED", None), (4409, "SESSION_REPLACED"))
        await second.send({"type": "ping"})
        assert await second.until("pong") == {"type": "pong"}


async def test_the_same_client_on_another_gateway_closes_the_first_with_4409(
    runtime: FakeRuntime, gateway: Front
) -> None:
    def joined(seq: int, connection_id: str) -> bytes:
        fields = {"connection_id": connection_id, "client_id": "a", "role": "driver", "mode": "v1"}
        return event(seq, {"type": "client_attached", **fields})

    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        welcome = await socket.hello("a")
        await runtime.settled(lambda: runtime.readers == 1)
        runtime.push(joined(1, welcome["connection_id"]), joined(2, "x_elsewhere"))

        assert (await socket.closed())[0] == 4409


@pytest.mark.parametrize(
    ("path", "reply", "code"),
    [
        ("/attach", Reply.refusal(404, "SESSION_NOT_FOUND"), "SESSION_NOT_FOUND"),
        ("/attach", Reply.refusal(410, "SESSION_EXPIRED"), "SESSION_EXPIRED"),
        ("/attach", Reply.refusal(410, "SESSION_CLOSED"), "SESSION_CLOSED"),
        ("/attach", Reply.refusal(423, "SESSION_QUARANTINED"), "SESSION_QUARANTINED"),
    ],
)
async def test_a_session_that_cannot_be_joined_is_closed_4404(
    runtime: FakeRuntime, gateway: Front, path: str, reply: Reply, code: str
) -> None:
    runtime.replies[path] = [reply]
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        hello = {"type": "hello", "version": 1, "client": {"id": "a"}}
        await socket.send({**hello, "resume": {"epoch": EPOCH, "seq": 4}})

        assert await ended(socket) == ((code, None), (4404, code))

    assert runtime.of("/attach")[0].body["create"] is False


async def test_a_session_that_is_removed_is_closed_4404(
    runtime: FakeRuntime, gateway: Front
) -> None:
    runtime.streams.append(Stream((event(1), control("gone"))))
    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await socket.hello()

        assert (await ended(socket))[1] == (4404, "SESSION_NOT_FOUND")


async def test_who_does_not_slow_down_is_closed_4429(runtime: FakeRuntime) -> None:
    async with (
        front(runtime.url, message_rate=0.1) as running,
        opened(f"{running.socket_url}/ws/s") as socket,
    ):
        for _ in range(12):
            await socket.send({"type": "user_message", "content": "hi"})
        refusals = [await socket.until("error") for _ in range(11)]
        code, reason = await socket.closed()

    assert {(frame["code"], frame["class"]) for frame in refusals} == {("RATE_LIMIT", "messages")}
    assert (code, reason.startswith("RATE_LIMIT retry_after_ms=")) == (4429, True)


async def test_a_slow_reader_is_closed_4508_and_others_get_everything(
    runtime: FakeRuntime,
) -> None:
    big = [event(seq, {"type": "note", "text": "x" * 400_000}) for seq in range(1, 41)]
    async with front(runtime.url) as running:
        url = f"{running.socket_url}/ws/s"
        async with opened(url) as quick, opened(url, max_queue=1) as slow:
            await quick.hello("quick")
            await slow.hello("slow")
            slow.socket.transport.pause_reading()
            await runtime.settled(lambda: runtime.readers == 1)
            for data in big:
                runtime.push(data)
                await quick.receive()
            with anyio.fail_after(10):
                while not await running.metric('codelab_gateway_closed_total{code="4508"}'):
                    await anyio.lowlevel.checkpoint()
            slow.socket.transport.abort()

        assert [frame["seq"] for frame in quick.seen if "seq" in frame] == list(range(1, 41))


async def test_a_token_that_ends_ends_the_connection_with_4401(guarded: Front) -> None:
    # good until the leeway of a minute is over, one second from now
    async with opened(f"{guarded.socket_url}/ws/s", **bearer(signed(-58.5))) as socket:
        await socket.hello()

        assert await ended(socket) == (("TOKEN_EXPIRED", None), (4401, "TOKEN_EXPIRED"))


async def test_a_fresh_token_in_band_keeps_the_connection(guarded: Front) -> None:
    async with opened(f"{guarded.socket_url}/ws/s", **bearer(signed(-58.5))) as socket:
        await socket.hello()
        await socket.send({"type": "auth", "token": signed(600), "cid": "k1"})
        first = await socket.receive()
        with anyio.move_on_after(1.7):
            await socket.socket.wait_closed()
        await socket.send({"type": "ping"})

        assert first == {"type": "ok", "cid": "k1"}
        assert await socket.receive() == {"type": "pong"}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param("nonsense", "UNAUTHORIZED", id="bad"),
        pytest.param(signed(-600), "TOKEN_EXPIRED", id="expired"),
    ],
)
async def test_a_bad_fresh_token_is_refused_and_the_old_one_counts_on(
    guarded: Front, token: str, code: str
) -> None:
    async with opened(f"{guarded.socket_url}/ws/s", **bearer(signed(600))) as socket:
        await socket.hello()
        await socket.send({"type": "auth", "token": token, "cid": "k1"})
        frame = await socket.receive()

        assert (frame["code"], frame["cid"]) == (code, "k1")


async def test_a_token_of_another_principal_is_closed_4403(guarded: Front) -> None:
    async with opened(f"{guarded.socket_url}/ws/s", **bearer(signed(600))) as socket:
        await socket.hello()
        await socket.send({"type": "auth", "token": signed(600, "bob"), "cid": "k1"})

        assert await ended(socket) == (("FORBIDDEN", "principal"), (4403, "FORBIDDEN"))


async def test_bad_tokens_in_band_count_as_well(guarded: Front) -> None:
    async with opened(f"{guarded.socket_url}/ws/s", **bearer(signed(600))) as socket:
        await socket.hello()
        for number in range(11):
            await socket.send({"type": "auth", "token": "x", "cid": f"k{number}"})
        codes = [(await socket.receive())["code"] for _ in range(11)]

    assert codes == ["UNAUTHORIZED"] * 10 + ["RATE_LIMIT"]


async def test_open_sockets_are_counted_and_gone_ones_are_not(
    runtime: FakeRuntime, gateway: Front
) -> None:
    """O-04, G-08."""
    url = f"{gateway.socket_url}/ws"
    async with opened(f"{url}/1"), opened(f"{url}/2"), opened(f"{url}/3") as third:
        await third.hello()
        await third.send({"type": "ping"})
        await third.until("pong")
        during = await gateway.metric("gateway_ws_connections")
        third.socket.transport.abort()
    await runtime.until("/detach")

    with anyio.fail_after(20):
        while await gateway.metric("gateway_ws_connections"):
            await anyio.lowlevel.checkpoint()
    pongs = 'codelab_gateway_frames_total{direction="out",type="pong"}'
    assert (during, await gateway.metric(pongs)) == (3.0, 1.0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            CodelabError(Code.RATE_LIMIT, "messages", retry_after_ms=50),
            "RATE_LIMIT retry_after_ms=50",
        ),
        (CodelabError(Code.TOKEN_EXPIRED), "TOKEN_EXPIRED"),
    ],
)
def test_the_reason_is_the_code_and_when_to_come_back(error: CodelabError, reason: str) -> None:
    assert close_reason(error) == reason
