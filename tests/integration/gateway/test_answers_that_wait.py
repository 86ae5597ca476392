"""A person who takes their time: gateways come and go, clients too; the answer lands once."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from harness.front import front
from harness.jumping_loop import JumpingLoop
from harness.services import INTERNAL_KEY, services
from harness.sockets import Frame, RawSocket, opened

QUESTION = 'call prompt_user with {"message": "Go on?", "actions": ["Yes", "No"]}'
DIFF = "--- a/a.txt\\n+++ b/a.txt\\n@@ @@\\n-one\\n+1\\n two\\n"
REVIEW = (
    'call read_file with {"path": "a.txt"} then call apply_patch_review with {"diff": "' + DIFF
) + '"}'
THOUGHT_S = 600.0
TEXT: Frame = {"success": True, "content": "one\ntwo\n"}


async def asked(socket: RawSocket, text: str, tool: str) -> Frame:
    """Say something; the question that it leads to."""
    await socket.send({"type": "user_message", "content": text, "cid": "m1"})
    while (call := await socket.until("tool_call"))["tool_name"] != tool:
        answer = {"type": "tool_result", "call_id": call["call_id"], "result": TEXT, "cid": "r1"}
        await socket.send(answer)
    return call


@pytest.mark.parametrize(
    ("text", "tool", "answer"),
    [
        pytest.param(QUESTION, "prompt_user", {"action": "Yes"}, id="a question"),
        pytest.param(
            REVIEW,
            "apply_patch_review",
            {"action": "apply", "chunks_selected": [1]},
            id="a review",
        ),
    ],
)
async def test_an_answer_lands_once_after_the_gateway_and_the_client_were_replaced(
    store_server: str, tmp_path: Path, text: str, tool: str, answer: dict[str, Any]
) -> None:
    """G-14, S-02: the question comes again with its id; who answers second is told."""
    keys = tmp_path / "keys"
    keys.write_text(INTERNAL_KEY)
    async with services(store_server, tmp_path) as platform:
        async with (
            front(platform.runtime_url, internal_token_file=keys) as old,
            opened(f"{old.socket_url}/ws/patient") as socket,
        ):
            await socket.hello("c1")
            call = await asked(socket, text, tool)

        async with (
            front(platform.runtime_url, internal_token_file=keys) as new,
            opened(f"{new.socket_url}/ws/patient") as second,
            opened(f"{platform.socket_url}/ws/patient") as third,
        ):
            await second.hello("c2")
            (again,) = (await second.until("resync"))["snapshot"]["tool_calls"]
            await third.hello("c3")
            await third.until("resync")
            result = {"type": "tool_result", "call_id": call["call_id"], "result": answer}
            await third.send({**result, "cid": "a3"})
            await third.until("ok")
            await second.send({**result, "result": {"action": "cancel"}, "cid": "a2"})
            late = await second.until("error")
            frames = await third.final()

    told = set(call) - {"type", "seq"}
    assert {name: again[name] for name in told} == {name: call[name] for name in told}
    assert (late["code"], late["class"]) == ("ALREADY_ANSWERED", "result")
    resolved = [f for f in third.seen if f["type"] == "tool_resolved"][-1]
    assert (resolved["call_id"], resolved["outcome"], resolved["by"]) == (
        call["call_id"],
        "completed",
        "c3",
    )
    assert frames[-1]["is_final"] is True


def test_ten_minutes_of_thought_are_cut_by_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """G-14: the socket, the stream behind it and the turn wait, in the loop's own time."""
    caplog.set_level(logging.INFO)

    async def thought() -> list[Frame]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        async with (
            services("embedded:memory", tmp_path) as platform,
            opened(f"{platform.socket_url}/ws/thinker") as socket,
        ):
            await socket.hello("c1")
            call = await asked(socket, QUESTION, "prompt_user")
            began = loop.time()
            await loop.pass_by(THOUGHT_S)
            assert loop.time() - began >= THOUGHT_S
            answer = {"type": "tool_result", "call_id": call["call_id"], "cid": "a1"}
            await socket.send({**answer, "result": {"action": "Yes"}})
            frames = await socket.final()
            assert "runtime not reached" not in [record.getMessage() for record in caplog.records]
            return frames

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        frames = runner.run(thought())

    assert [f["outcome"] for f in frames if f["type"] == "tool_resolved"] == ["completed"]
    assert {"welcome", "resync", "error"}.isdisjoint(frame["type"] for frame in frames)
