import asyncio
import io
import os
import signal
from dataclasses import replace
from pathlib import Path

import anyio
from rich.console import Console

from codelab_client.places import running_gateway
from codelab_client.serving import introduce, serve_until_stopped
from codelab_client.up import Options, Stack

STACK = Stack("http://127.0.0.1:8000", "http://r:1", "http://l:2", None, Path("/keys"))


def said(stack: Stack) -> str:
    output = io.StringIO()
    introduce(stack, Console(file=output, width=200))
    return output.getvalue()


def test_the_first_lines_say_where_everything_is_and_who_answers() -> None:
    text = said(STACK)

    assert "ws://127.0.0.1:8000/ws/<session>" in text
    assert "http://r:1" in text
    assert "http://l:2" in text
    assert "scripted" in text
    assert "codelab chat" in text
    assert "token" not in text


def test_the_first_lines_name_a_real_provider() -> None:
    running = replace(STACK, provider="anthropic", model="claude-x")

    text = said(running)

    assert "claude-x of anthropic" in text
    assert "scripted" not in text


def test_a_token_is_shown_where_one_is_needed() -> None:
    token = "a-token-that-was-made-up"
    running = Stack("http://127.0.0.1:8000", "http://r:1", "http://l:2", token, Path("/keys"))

    assert token in said(running)


async def test_a_signal_ends_it_with_success(tmp_path: Path) -> None:
    options = Options(tmp_path, gateway_port=0, runtime_port=0, llmproxy_port=0)
    output = io.StringIO()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve_until_stopped(options, Console(file=output)))
        with anyio.fail_after(20):
            while "Ctrl-C stops" not in output.getvalue():  # noqa: ASYNC110 -- a console has no event
                await anyio.sleep(0.02)
        running = await running_gateway(tmp_path)
        os.kill(os.getpid(), signal.SIGTERM)

    assert running is not None
    assert serving.result() == 0
    assert await running_gateway(tmp_path) is None
