"""A provider that breaks off, and a proxy that dies, in the midst of a turn with tools."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codelab_core.server import cancelled_at_end, serve
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.app import llmproxy
from fakes.scripted_upstream import scripted_actor
from fakes.tcp_proxy import TcpProxy, tcp_proxy
from fakes.upstreams import Actor, Asked, Play, upstream
from harness.person import Record, person
from harness.providers import KEY, config_file, provider
from harness.services import INTERNAL_KEY, Wanted, services

KINDS = ["openai-compatible", "anthropic", "ollama"]
COUNT = 60
TASK = 'read a.py then write "one" to b.txt then read b.txt'
LONG = f"write {COUNT} tokens at 100 per second then read a.py"
TOKENS = " ".join(f"t{n:05d}" for n in range(1, COUNT + 1))


def broken_at_first(kind: str) -> Actor:
    """The scripted model, whose connection breaks in each answer, when that is first given.

    Text of the answer has been sent by then; of a call only the beginning, or nothing.
    """
    act, known = scripted_actor(kind), set[bytes]()

    def broken(asked: Asked) -> Play:
        play = act(asked)
        if asked.raw in known:
            return play
        known.add(asked.raw)
        pieces = b"".join(play.pieces)
        whole = len(pieces) * 2 // 3
        return replace(play, pieces=(pieces[:whole],), fault="cut")

    return broken


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_KEY", KEY)
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.py").write_text("old = 1\n")
    return folder


def shown(record: Record) -> tuple[str, list[str]]:
    """The text that stands in the end, and the messages that were taken back."""
    void = [frame["message_id"] for frame in record.of("message_retracted")]
    said = (frame for frame in record.of("assistant_message"))
    return "".join(f["token"] for f in said if f.get("message_id") not in void), void


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_breaks_off_is_taken_back_and_given_again(
    kind: str, store_server: str, tmp_path: Path, workspace: Path
) -> None:
    """P-18, S-12, F-05: no token doubled, no tool run twice."""
    async with upstream(broken_at_first(kind)) as acting:
        file = config_file(tmp_path, provider(kind, acting.url))
        wanted = Wanted(llmproxy={"config_file": file})
        async with (
            services(store_server, tmp_path, wanted) as platform,
            person(platform.gateway_url, workspace) as (session, record),
        ):
            completed = await session.ask(TASK)

    text, void = shown(record)
    called = [frame["tool_name"] for frame in record.of("tool_call")]
    assert completed["reason"] == "completed"
    assert called == ["read_file", "write_file", "read_file"]
    assert (workspace / "b.txt").read_text() == "one"
    assert text.count("Wrote 3 bytes to b.txt.") == 1
    assert text.count("```") == 4  # the two files, each shown once
    assert void
    assert len({asked.raw for asked in acting.asked}) == 4
    assert len(acting.asked) == 8  # each answer twice


async def test_another_proxy_goes_on_after_one_was_killed(
    store_server: str, tmp_path: Path, workspace: Path
) -> None:
    """S-12: the text that nobody can continue is taken back, and given again."""
    async with two_proxies(tmp_path) as (front, ports):
        wanted = Wanted(runtime={"llmproxy_url": f"http://127.0.0.1:{front.port}"})
        async with (
            services(store_server, tmp_path, wanted) as platform,
            person(platform.gateway_url, workspace) as (session, record),
            cancelled_at_end() as tasks,
        ):
            asking = tasks.create_task(session.ask(LONG))
            await record.until(lambda seen: len(seen.of("assistant_message")) >= 5)
            front.target = ports[1]
            front.cut()
            completed = await asking

    text, void = shown(record)
    assert completed["reason"] == "completed"
    assert text.startswith(TOKENS)
    assert len(void) == 1
    assert [frame["tool_name"] for frame in record.of("tool_call")] == ["read_file"]


@asynccontextmanager
async def two_proxies(folder: Path) -> AsyncIterator[tuple[TcpProxy, list[int]]]:
    """Two proxies that know nothing of each other, and the way to the first of them."""
    keys = folder / "keys"
    keys.write_text(INTERNAL_KEY)
    fields: dict[str, Any] = {"port": 0, "internal_token_file": keys, "drain_s": 0.1}
    settings = LLMProxySettings.load(**fields)
    stop = asyncio.Event()
    async with (
        llmproxy(settings) as one,
        llmproxy(settings) as other,
        cancelled_at_end() as tasks,
        tcp_proxy(one.port) as front,
    ):
        serving = [tasks.create_task(serve(each, stop, settings)) for each in (one, other)]
        yield front, [one.port, other.port]
        stop.set()
        await asyncio.wait(serving, timeout=5)
