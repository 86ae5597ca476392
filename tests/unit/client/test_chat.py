import io
import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest
from rich.console import Console

from codelab_client.chat import chat_loop
from fakes.fake_gateway import Talk, fake_gateway
from harness.person import person


class Typed:
    """A person who types these lines, then closes the input."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    async def line(self, prompt: str) -> str:
        if not self._lines:
            raise EOFError
        return self._lines.pop(0)

    async def text(self, prompt: str, default: str) -> str:
        return default


async def turns(talk: Talk) -> None:
    """Accept messages and cancels; every message but `wait` is a turn that ends at once."""
    await talk.welcome()
    seq = 0
    while True:
        frame = await talk.receive_any()
        if frame["type"] == "user_message" and frame["content"] == "too long":
            refusal = {"type": "error", "code": "TOO_LARGE", "message": "This is too large."}
            await talk.send({**refusal, "cid": frame["cid"]})
            continue
        await talk.ok(frame)
        if frame["type"] == "user_message":
            turn: dict[str, Any] = {"turn_id": f"t{seq}", "message_id": frame["message_id"]}
            await talk.send({"type": "turn_started", "seq": (seq := seq + 1), **turn})
        if frame["type"] == "cancel" or frame.get("content") != "wait":
            reason = "cancelled" if frame["type"] == "cancel" else "completed"
            end = {"type": "turn_completed", "turn_id": turn["turn_id"], "reason": reason}
            await talk.send({**end, "seq": (seq := seq + 1)})
        elif frame.get("content") == "wait":
            os.kill(os.getpid(), signal.SIGINT)


async def chatted(folder: Path, *lines: str) -> tuple[int, str, list[dict[str, Any]]]:
    """The exit code, what was printed, and the commands that the gateway got."""
    output = io.StringIO()
    workspace = folder / "workspace"
    workspace.mkdir()
    async with (
        fake_gateway(turns) as gateway,
        person(gateway.url, workspace, session_id="s") as (session, _),
    ):
        with anyio.fail_after(10):
            code = await chat_loop(session, Console(file=output), Typed(*lines))
        return code, output.getvalue(), gateway.talks[0].frames[1:]


@pytest.mark.parametrize("last", [["/quit"], ["/exit"], []], ids=["quit", "exit", "end of input"])
async def test_lines_become_turns_until_the_person_leaves(tmp_path: Path, last: list[str]) -> None:
    code, _, frames = await chatted(tmp_path, "one", "  ", "two", *last)

    assert code == 0
    assert [frame["content"] for frame in frames] == ["one", "two"]


async def test_a_message_that_is_refused_does_not_end_the_chat(tmp_path: Path) -> None:
    code, printed, frames = await chatted(tmp_path, "too long", "two")

    assert code == 0
    assert "not accepted: This is too large." in printed
    assert [frame["content"] for frame in frames] == ["too long", "two"]


async def test_ctrl_c_ends_the_turn_and_not_the_chat(tmp_path: Path) -> None:
    """T-14."""
    code, _, frames = await chatted(tmp_path, "wait", "two")

    assert code == 0
    assert [frame.get("content", frame["type"]) for frame in frames] == ["wait", "cancel", "two"]
