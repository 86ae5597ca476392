import asyncio
import json
from collections import deque
from typing import Any

import anyio
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Message
from codelab_core.protocol.frames import Auth, Hello
from codelab_core.settings import GatewaySettings
from codelab_gateway.commander import Command
from codelab_gateway.reader import FrameReader, LeftError
from fakes.clock import HandClock

HELLO = {"type": "hello", "version": 1, "client": {"id": "a1b2"}}
MESSAGE = {"type": "user_message", "content": "hi", "delivery": "queue"}
LEFT = {"type": "websocket.disconnect", "code": 1000}


class Socket:
    """Frames that a client has sent, then nothing, or its leaving."""

    def __init__(self, *frames: Any, leaves: bool = True) -> None:
        self._messages = deque(self._message(frame) for frame in frames)
        self._leaves = leaves

    def _message(self, frame: Any) -> Message:
        if isinstance(frame, bytes):
            return {"type": "websocket.receive", "bytes": frame}
        text = frame if isinstance(frame, str) else json.dumps(frame)
        return {"type": "websocket.receive", "text": text}

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.popleft()
        if not self._leaves:
            await anyio.sleep_forever()
        return LEFT


class Owner:
    """A connection that notes what is asked of it; `refusal` is what its commands meet."""

    def __init__(self, *, is_plain: bool = False, refusal: CodelabError | None = None) -> None:
        self.is_plain = is_plain
        self.asked: list[Any] = []
        self.sent: list[Any] = []
        self.failed: list[CodelabError] = []
        self.refusal = refusal

    def begin(self, hello: Hello | None) -> None:
        self.asked.append(hello and hello.client.id)

    def received(self, kind: str) -> None:
        self.asked.append(f"counted {kind}")

    def send(self, frame: bytes) -> None:
        self.sent.append(json.loads(frame))

    def fail(self, error: CodelabError) -> None:
        self.failed.append(error)

    def applied(self, seq: int) -> None:
        self.asked.append(seq)

    async def renew(self, auth: Auth) -> None:
        self.asked.append(auth.token)
        if self.refusal:
            raise self.refusal

    async def command(self, command: Command) -> None:
        self.asked.append(command.given())
        if self.refusal:
            raise self.refusal


def reader(
    owner: Owner, socket: Socket, clock: HandClock | None = None, **fields: Any
) -> FrameReader:
    settings = GatewaySettings.exactly(**{"plain_wait_ms": 10, "hello_timeout_s": 0.01} | fields)
    return FrameReader(owner, settings, HandClock(), socket.receive)


async def run(owner: Owner, *frames: Any, **fields: Any) -> Owner:
    with anyio.fail_after(20), pytest.raises(LeftError):
        await reader(owner, Socket(*frames), **fields).run()
    return owner


@pytest.mark.parametrize("required", [True, False])
async def test_a_first_hello_is_the_clients_greeting(*, required: bool) -> None:
    owner = Owner()

    hello = await reader(owner, Socket(HELLO)).hello(required=required)

    assert hello is not None
    assert hello.client.id == "a1b2"
    assert owner.asked == ["counted hello"]


async def test_another_first_frame_is_a_plain_clients_and_not_lost() -> None:
    owner = Owner(is_plain=True)
    both = reader(owner, Socket(MESSAGE))

    hello = await both.hello(required=False)
    with pytest.raises(LeftError):
        await both.run()

    assert hello is None
    assert owner.asked == ["counted user_message", MESSAGE]


async def test_a_silent_client_is_a_plain_one_that_may_still_say_hello() -> None:
    owner = Owner(is_plain=True)
    socket = Socket(leaves=False)
    both = reader(owner, socket)
    hello = await both.hello(required=False)

    socket._messages.append(socket._message(HELLO))
    socket._leaves = True
    with pytest.raises(LeftError):
        await both.run()

    assert hello is None
    assert owner.asked == ["counted hello", "a1b2"]


async def test_a_hello_that_was_promised_and_does_not_come_is_an_error() -> None:
    with pytest.raises(CodelabError) as refused:
        await reader(Owner(), Socket(leaves=False)).hello(required=True)

    assert refused.value.code is Code.HELLO_TIMEOUT


async def test_other_frames_before_a_promised_hello_are_refused_one_by_one() -> None:
    owner = Owner()

    hello = await reader(owner, Socket(MESSAGE, {**HELLO, "client": {}}, HELLO)).hello(
        required=True
    )

    assert hello is not None
    assert [frame["code"] for frame in owner.sent] == ["INVALID_FORMAT", "INVALID_FORMAT"]


async def test_a_version_that_we_do_not_speak_is_the_end() -> None:
    with pytest.raises(CodelabError) as refused:
        await reader(Owner(), Socket({**HELLO, "version": 2})).hello(required=False)

    assert (refused.value.code, refused.value.details) == (
        Code.UNSUPPORTED_VERSION,
        {"supported": [1]},
    )


async def test_a_second_hello_is_an_unknown_frame() -> None:
    owner = await run(Owner(), HELLO, HELLO)

    assert [frame["code"] for frame in owner.sent] == ["UNKNOWN_TYPE"]


async def test_each_frame_asks_for_its_own_thing() -> None:
    owner = await run(
        Owner(),
        {"type": "ack", "seq": 7},
        {"type": "auth", "token": "fresh", "cid": "k1"},
        {"type": "ping", "t": 1},
        {"type": "ping"},
        {**MESSAGE, "cid": "k2"},
    )

    assert [asked for asked in owner.asked if not str(asked).startswith("counted")] == [
        7,
        "fresh",
        {**MESSAGE, "cid": "k2"},
    ]
    assert owner.sent == [
        {"type": "ok", "cid": "k1"},
        {"type": "pong", "t": 1},
        {"type": "pong"},
    ]


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        pytest.param("{", "INVALID_FORMAT", "json", id="no-json"),
        pytest.param("[]", "INVALID_FORMAT", "json", id="no-object"),
        pytest.param('{"a":NaN}', "INVALID_FORMAT", "json", id="nan"),
        pytest.param('{"a":"\ud800"}', "INVALID_FORMAT", "json", id="lone-surrogate"),
        pytest.param('{"a":' + "[" * 70 + "]" * 70 + "}", "INVALID_FORMAT", "depth", id="depth"),
        pytest.param(b"\x00", "INVALID_FORMAT", "binary", id="binary"),
        pytest.param({"type": "user_message"}, "INVALID_FORMAT", "field", id="missing-field"),
        pytest.param({**MESSAGE, "role": "system"}, "INVALID_FORMAT", "role", id="role"),
        pytest.param({"type": "nonsense"}, "UNKNOWN_TYPE", None, id="unknown-type"),
        pytest.param({"content": "x"}, "UNKNOWN_TYPE", None, id="no-type"),
        pytest.param({**MESSAGE, "content": "x" * 10_001}, "TOO_LARGE", "message", id="long"),
    ],
)
async def test_a_bad_frame_is_answered_and_the_next_one_served(
    frame: Any, code: str, reason: str | None
) -> None:
    """G-04."""
    owner = await run(Owner(), frame, MESSAGE)

    assert [(one["code"], one.get("class")) for one in owner.sent] == [(code, reason)]
    assert owner.failed == []
    assert owner.asked[-1] == MESSAGE


async def test_a_frame_that_is_too_large_is_the_end() -> None:
    owner = await run(Owner(), "x" * 1025, max_frame_bytes=1024)

    assert [(error.code, error.reason) for error in owner.failed] == [(Code.TOO_LARGE, "frame")]


async def test_ten_bad_frames_a_minute_are_answered_and_the_next_is_the_end() -> None:
    owner = await run(Owner(), *["{"] * 11)

    assert len(owner.sent) == 10
    assert [error.code for error in owner.failed] == [Code.INVALID_FORMAT]


async def test_the_refusal_of_a_command_names_its_ids() -> None:
    owner = Owner(refusal=CodelabError(Code.RATE_LIMIT, "messages", retry_after_ms=9))
    result = {"type": "tool_result", "call_id": "c1", "cid": "k1"}
    await run(owner, result)

    frame = owner.sent[0]
    assert (frame["code"], frame["cid"], frame["call_id"]) == ("RATE_LIMIT", "k1", "c1")


async def test_who_does_not_slow_down_is_cut() -> None:
    owner = Owner(refusal=CodelabError(Code.RATE_LIMIT, "messages", retry_after_ms=9))
    await run(owner, *[MESSAGE] * 11)

    assert (len(owner.sent), len(owner.failed)) == (10, 1)


async def test_commands_have_a_rate_and_results_and_acks_have_none() -> None:
    free = [{"type": "ack", "seq": 1}, {"type": "tool_result", "call_id": "c1"}] * 5
    owner = await run(Owner(), *free, *[{"type": "ping"}] * 6, command_rate=1)

    assert [frame["type"] for frame in owner.sent] == ["pong"] * 5 + ["error"]
    assert (owner.sent[-1]["code"], owner.sent[-1]["class"]) == ("RATE_LIMIT", "commands")


async def test_a_token_of_another_principal_is_the_end() -> None:
    owner = Owner(refusal=CodelabError(Code.FORBIDDEN, "principal"))
    await run(owner, {"type": "auth", "token": "x", "cid": "k"})

    assert [error.reason for error in owner.failed] == ["principal"]


async def test_who_sends_too_much_is_read_more_slowly_but_never_starved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pongs are read by the same reader: 5 s at most."""
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    owner = await run(
        Owner(), *[json.dumps(MESSAGE | {"x": "y" * 900_000})] * 3, "{}", inbound_bytes_rate=100_000
    )

    assert pauses[0] == 0.0
    assert pauses[1] == pytest.approx(5.0)
    assert max(pauses) <= 5.0
    assert owner.failed == []
