"""What people are told: every error code, over a real socket, as an `error` frame (W-06)."""

import pytest

from codelab_core.error_codes import KINDS, Again, Code
from codelab_core.errors import CodelabError
from fakes.fake_runtime import FakeRuntime, Reply, Stream, event, fake_runtime
from harness.front import front
from harness.sockets import Frame, RawSocket, opened

REFUSALS = [
    code for code in Code if KINDS[code].status and code not in {Code.INTERNAL, Code.UNAUTHORIZED}
]
"""What a runtime refuses a command with, for good; the other two are between the services."""


async def told(runtime: FakeRuntime, reply: Reply) -> tuple[Frame, RawSocket]:
    """What a message leads to; then the socket takes the next one."""
    runtime.replies["/message"] = [reply, Reply(200, {"turn_id": "t2", "message_id": "u2"})]
    async with front(runtime.url) as gateway, opened(f"{gateway.socket_url}/ws/s") as socket:
        await socket.hello()
        await socket.send({"type": "user_message", "content": "hi", "cid": "k1"})
        frame = await socket.until("error")
        await socket.send({"type": "user_message", "content": "again", "cid": "k2"})
        await socket.until(lambda next_one: next_one.get("cid") == "k2")
    return frame, socket


@pytest.mark.parametrize("code", REFUSALS)
async def test_a_refusal_reaches_people_with_code_sentence_and_whether_to_try_again(
    code: Code,
) -> None:
    refused = CodelabError(code, "why", retry_after_ms=7)
    kind = KINDS[code]
    async with fake_runtime() as runtime:
        frame, socket = await told(runtime, Reply(kind.status or 0, {"error": refused.to_wire()}))

    assert frame == {
        "type": "error",
        "cid": "k1",
        "code": str(code),
        "class": "why",
        "message": kind.sentence,
        "content": kind.sentence,
        "retryable": kind.again is Again.RETRY,
        "retry_after_ms": 7,
    }
    assert socket.seen[-1]["type"] == "ok"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, {"error": {"code": "INTERNAL"}}, id="a pod in trouble"),
        pytest.param(401, {"detail": "Unauthorized"}, id="our own key does not fit"),
    ],
)
async def test_a_fault_between_the_services_is_not_blamed_on_people(
    status: int, body: Frame
) -> None:
    async with fake_runtime() as runtime:
        runtime.replies["/message"] = [Reply(status, body)]
        async with front(runtime.url) as gateway, opened(f"{gateway.socket_url}/ws/s") as socket:
            await socket.hello()
            await socket.send({"type": "user_message", "content": "hi", "cid": "k1"})
            frame = await socket.until("error")

    assert (frame["code"], frame["class"], frame["retryable"]) == ("UNAVAILABLE", "agent", True)


@pytest.mark.parametrize("code", list(Code))
async def test_what_ends_a_turn_reaches_people_as_it_is(code: Code) -> None:
    error = {"type": "error", "turn_id": "t1", **CodelabError(code, "why").to_wire()}
    async with fake_runtime() as runtime:
        runtime.streams.append(Stream((event(1, error),)))
        async with front(runtime.url) as gateway, opened(f"{gateway.socket_url}/ws/s") as socket:
            await socket.hello()

            assert await socket.until("error") == {**error, "seq": 1}
