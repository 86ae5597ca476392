"""One turn against a running system, and what it says about one that is broken."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from codelab_client.__main__ import main as codelab
from codelab_client.places import Gateway
from codelab_client.smoke import SmokeError, smoke
from codelab_client.up import Options, stack
from fakes.fake_gateway import Talk, fake_gateway

USAGE = {"inferences": 0, "prompt_tokens": 0, "completion_tokens": 0, "tool_calls": 0}


def options(folder: Path) -> Options:
    return Options(folder, gateway_port=0, runtime_port=0, llmproxy_port=0)


async def test_a_turn_of_a_whole_system_holds_to_the_byte(tmp_path: Path) -> None:
    async with stack(options(tmp_path)) as running:
        said = await smoke(Gateway(running.gateway_url), 5)

    assert said.startswith("one turn, ")


def ending(reason: str, *frames: dict[str, Any]) -> Callable[[Talk], Awaitable[None]]:
    """A gateway whose turn ends like this, without a call of any tool."""

    async def script(talk: Talk) -> None:
        await talk.welcome()
        asked = await talk.receive("user_message")
        await talk.ok(asked)
        started = {"type": "turn_started", "seq": 1, "turn_id": "t1"}
        await talk.send({**started, "message_id": asked["message_id"]}, *frames)
        completed = {"type": "turn_completed", "seq": 2 + len(frames), "turn_id": "t1"}
        await talk.send({**completed, "reason": reason, "usage": USAGE})
        await talk.stay()

    return script


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        pytest.param("failed", "the turn ended with: failed", id="failed"),
        pytest.param("completed", "notes.txt does not hold", id="changed-nothing"),
    ],
)
async def test_a_turn_that_did_not_do_its_work_is_told(reason: str, said: str) -> None:
    async with fake_gateway(ending(reason)) as gateway:
        with pytest.raises(SmokeError, match=said):
            await smoke(Gateway(gateway.url), 0)


async def test_a_gateway_that_does_not_become_ready_is_told() -> None:
    async with fake_gateway() as gateway:
        gateway.refuse = (503, "draining")
        with pytest.raises(SmokeError, match="not ready after 0 s"):
            await smoke(Gateway(gateway.url), 0)


@pytest.mark.parametrize("refusal", [401, 503])
async def test_the_command_ends_with_1_and_one_line(
    refusal: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with fake_gateway() as gateway:
        gateway.refuse = (refusal, "no")
        arguments = ["codelab", "smoke", "--url", gateway.url, "--wait", "0"]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            await anyio.to_thread.run_sync(codelab)

    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("✗ not ready after 0 s: ")


async def test_the_command_ends_with_0_where_all_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("any\n")
    async with stack(options(tmp_path / "state")) as running:
        arguments = ["--url", running.gateway_url, "--token-file", str(token)]
        monkeypatch.setattr(sys, "argv", ["codelab", "smoke", *arguments])
        with pytest.raises(SystemExit) as ended:
            await anyio.to_thread.run_sync(codelab)

    assert (ended.value.code, capsys.readouterr().out[:11]) == (0, "✓ one turn,")
