"""Sockets of the gateway against the real runtime: owners, roles, answers, large results."""

import json
from typing import Any

import pytest

from harness.services import Services
from harness.sockets import Frame, RawSocket, opened, refusal

ALICE = {"additional_headers": {"Authorization": "Bearer a-token-of-alice-long-enough"}}
BOB = {"additional_headers": {"Authorization": "Bearer a-token-of-bob-which-is-long-too"}}
PART_CHARS = 384 * 1024


def url(platform: Services, session_id: str) -> str:
    return f"{platform.socket_url}/ws/{session_id}"


async def say(socket: RawSocket, content: str, **fields: Any) -> None:
    await socket.send({"type": "user_message", "content": content, **fields})


async def test_a_foreign_session_is_refused_like_an_unknown_one(
    platform: Services, session_id: str
) -> None:
    """G-10."""
    async with opened(url(platform, session_id), **ALICE) as socket:
        await socket.hello()
        status, error, _ = await refusal(url(platform, session_id), **BOB)

    assert (status, error["code"]) == (404, "SESSION_NOT_FOUND")


async def test_a_client_that_resumes_what_is_unknown_is_closed_4404(
    platform: Services, session_id: str
) -> None:
    async with opened(url(platform, session_id), **ALICE) as socket:
        hello = {"type": "hello", "version": 1, "client": {"id": "a"}}
        await socket.send({**hello, "resume": {"epoch": "0" * 16, "seq": 4}})
        frame = await socket.until("error")

        assert (frame["code"], await socket.closed()) == (
            "SESSION_NOT_FOUND",
            (4404, "SESSION_NOT_FOUND"),
        )


async def test_what_was_missed_comes_exactly_once(platform: Services, session_id: str) -> None:
    """G-09: from every position of the log."""
    async with opened(url(platform, session_id), **ALICE) as first:
        welcome = await first.hello("a")
        await say(first, "write 20 tokens", cid="k1")
        await first.until("turn_completed")
    events = [frame for frame in first.seen if "seq" in frame]
    head = events[-1]["seq"]

    for seq in range(head + 1):
        async with opened(url(platform, session_id), **ALICE) as again:
            resume = {"epoch": welcome["epoch"], "seq": seq}
            welcomed = await again.hello(f"b{seq}", role="observer", resume=resume)
            got: list[Frame] = []
            while len(got) < head - seq:
                frame = await again.receive()
                got += [frame] if "seq" in frame else []

        assert welcomed["replay"] == "tail"
        assert got == events[seq:]


async def test_a_command_sent_twice_is_done_once(platform: Services, session_id: str) -> None:
    async with opened(url(platform, session_id), **ALICE) as socket:
        await socket.hello()
        await say(socket, "echo once", cid="k1", message_id="u-1")
        first = await socket.until("ok")
        await say(socket, "echo once", cid="k1", message_id="u-1")
        second = await socket.until("ok")
        await say(socket, "echo another", cid="k1", message_id="u-1")
        third = await socket.until("error")
        if "turn_completed" not in [frame["type"] for frame in socket.seen]:
            await socket.until("turn_completed")

    assert (first.get("duplicate"), second["duplicate"]) == (None, True)
    assert (third["code"], third["class"], third["cid"]) == ("CONFLICT", "cid_reused", "k1")
    assert len([frame for frame in socket.seen if frame["type"] == "turn_started"]) == 1


async def test_a_result_for_no_call_is_an_error_and_the_socket_stays(
    platform: Services, session_id: str
) -> None:
    """P17, G-12."""
    async with opened(url(platform, session_id), **ALICE) as socket:
        await socket.send({"type": "tool_result", "call_id": "c9-9-9", "result": {}})
        frame = await socket.until("error")
        await say(socket, "echo on")
        frames = await socket.final()

    assert (frame["code"], frame["class"], frame["call_id"]) == (
        "NOT_FOUND",
        "call_unknown",
        "c9-9-9",
    )
    assert frames[-1]["is_final"] is True


async def test_nothing_to_cancel_is_no_error(platform: Services, session_id: str) -> None:
    async with opened(url(platform, session_id), **ALICE) as socket:
        await socket.hello()
        await say(socket, "echo a", cid="k1")
        await socket.until("turn_completed")
        await socket.send({"type": "cancel", "cid": "k2"})

        assert await socket.until(lambda frame: frame.get("cid") == "k2") == {
            "type": "ok",
            "cid": "k2",
            "noop": True,
        }


async def test_the_first_answer_wins_and_the_second_is_told(
    platform: Services, session_id: str
) -> None:
    async with (
        opened(url(platform, session_id), **ALICE) as driver,
        opened(url(platform, session_id), **ALICE) as watcher,
    ):
        await watcher.hello("w", role="observer")
        await driver.hello("d")
        await say(driver, 'write "hi" to notes.txt', cid="k1")
        call = await driver.until("tool_call")
        decision = {"type": "hitl_decision", "call_id": call["call_id"], "decision": "approve"}
        await watcher.send({**decision, "cid": "w1"})
        await watcher.until("ok")
        await driver.send({**decision, "decision": "reject", "cid": "d1"})
        late = await driver.until("error")
        await watcher.send({"type": "tool_result", "call_id": call["call_id"], "cid": "w2"})
        forbidden = await watcher.until("error")

    assert (late["code"], late["class"]) == ("ALREADY_ANSWERED", "decision")
    assert (late["details"]["outcome"], late["details"]["by"]) == ("approved", "w")
    assert (forbidden["code"], forbidden["class"]) == ("FORBIDDEN", "role")


async def test_the_next_client_drives_when_the_driver_leaves(
    platform: Services, session_id: str
) -> None:
    async with opened(url(platform, session_id), **ALICE) as second:
        await second.hello("second")
        async with opened(url(platform, session_id), **ALICE) as first:
            await first.hello("first")
            await say(first, "read a.txt", cid="k1")
            call = await first.until("tool_call")
        left = await second.until("client_detached")
        done = {"success": True, "content": "one\n", "sha256": "0" * 64, "size": 4}
        await second.send({"type": "tool_result", "call_id": call["call_id"], "result": done})
        completed = await second.until("turn_completed")

    assert left["client_id"] == "first"
    assert left["driver"] == next(
        frame["connection_id"] for frame in second.seen if frame["type"] == "welcome"
    )
    assert completed["reason"] == "completed"


@pytest.mark.parametrize("size", [100_000, 5 * 1024 * 1024])
async def test_a_large_result_goes_in_parts(platform: Services, session_id: str, size: int) -> None:
    """G-13, X-11."""
    diff = "diff --git a/x b/x\n" + "+line\n" * (size // 6)
    text = json.dumps({"success": True, "diff": diff})
    async with opened(url(platform, session_id), **ALICE) as socket:
        await socket.hello()
        await say(socket, "show the diff", cid="k1")
        call = await socket.until("tool_call")
        pieces = [text[at : at + PART_CHARS] for at in range(0, len(text), PART_CHARS)]
        for index, chunk in enumerate(pieces):
            part = {"index": index, "last": index == len(pieces) - 1}
            frame = {"type": "tool_result", "call_id": call["call_id"], "cid": f"p{index}"}
            await socket.send({**frame, "part": part, "chunk": chunk})
        resolved = await socket.until("tool_resolved")
        completed = await socket.until("turn_completed")

    assert call["tool_name"] == "git.diff"
    assert (resolved["outcome"], completed["reason"]) == ("completed", "completed")


async def test_a_plain_client_that_returns_gets_its_call_again(
    platform: Services, session_id: str
) -> None:
    """P12: the same id, the same bytes; its result completes the turn."""
    async with opened(url(platform, session_id), **ALICE) as first:
        await say(first, "read a.txt")
        call = await first.until("tool_call")
    async with opened(url(platform, session_id), **ALICE) as second:
        again = await second.until("tool_call")
        done = {"success": True, "content": "one\n", "sha256": "0" * 64, "size": 4}
        await second.send({"type": "tool_result", "call_id": call["call_id"], "result": done})
        frames = await second.final()

    assert again == call
    assert frames[-1]["is_final"] is True
