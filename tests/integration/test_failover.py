"""A provider that fails in the midst of a turn with tools, and another one that goes on with it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.scripted_upstream import scripted_actor
from fakes.upstreams import Actor, Asked, Play, refusal, upstream
from harness.person import Record, person
from harness.providers import KEY, config_file, provider
from harness.services import Wanted, services

COUNT = 60
TASK = f'write {COUNT} tokens at 0 per second then read a.py then write "one" to b.txt'
TOKENS = " ".join(f"t{n:05d}" for n in range(1, COUNT + 1))
DOWN = refusal(503, {"error": {"message": "overloaded"}})
PAIRS = [
    ("openai-compatible", "anthropic"),
    ("anthropic", "ollama"),
    ("ollama", "openai-compatible"),
]
SCRIPTED = {"name": "scripted", "kind": "scripted"}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("codelab_llmproxy.plan.PAUSE_S", 0.0)
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.py").write_text("old = 1\n")
    return folder


def dying(kind: str) -> Actor:
    """The scripted model, whose connection breaks when two thirds of an answer are out."""
    act = scripted_actor(kind)

    def die(asked: Asked) -> Play:
        play = act(asked)
        pieces = b"".join(play.pieces)
        return replace(play, pieces=(pieces[: len(pieces) * 2 // 3],), fault="cut")

    return die


def hanging(_asked: Asked) -> Play:
    """Takes a request and says nothing."""
    return Play(status=0, fault="hang")


def configured(folder: Path, targets: list[str], **urls: tuple[str, str]) -> Path:
    """A file with these providers, each a kind and an address, and targets in this order."""
    models = [{"id": "m-1", "clocks": {"headers_s": 0.3}}]
    listed = [
        {**provider(kind, url, models=models), "name": name} for name, (kind, url) in urls.items()
    ]
    ordered = [
        {
            "provider": name,
            "model": "scripted/agent" if name == "scripted" else "m-1",
            "priority": priority,
        }
        for priority, name in enumerate(targets)
    ]
    routes = {"default": {"targets": ordered}}
    return config_file(folder, *listed, SCRIPTED, routes=routes)


def shown(record: Record) -> str:
    """The text that stands in the end."""
    void = {frame["message_id"] for frame in record.of("message_retracted")}
    said = (frame for frame in record.of("assistant_message"))
    return "".join(f["token"] for f in said if f.get("message_id") not in void)


async def played(
    store: str, folder: Path, workspace: Path, file: Path
) -> tuple[Mapping[str, Any], Record]:
    """How the turn ended, and what the person saw."""
    wanted = Wanted(llmproxy={"config_file": file, "scripted_time_scale": 0})
    async with (
        services(store, folder, wanted) as platform,
        person(platform.gateway_url, workspace) as (session, record),
    ):
        return await session.ask(TASK), record


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
@pytest.mark.parametrize("fault", [DOWN, hanging, dying], ids=["refuses", "hangs", "dies"])
async def test_the_second_provider_goes_on_where_the_first_fails(
    fault: Any, kinds: tuple[str, str], store_server: str, tmp_path: Path, workspace: Path
) -> None:
    """P-17, S-08: no token doubled, no tool run twice, and the turn says who answered."""
    first, second = kinds
    play = dying(first) if fault is dying else fault
    async with upstream(play) as one, upstream(scripted_actor(second)) as two:
        file = configured(tmp_path, ["one", "two"], one=(first, one.url), two=(second, two.url))
        completed, record = await played(store_server, tmp_path, workspace, file)

    text = shown(record)
    called = [frame["tool_name"] for frame in record.of("tool_call")]
    assert (completed["reason"], completed["provider"]) == ("completed", "two")
    assert text.startswith(TOKENS)
    assert text.count("t00001") == 1
    assert text.count("Wrote 3 bytes to b.txt.") == 1
    assert called == ["read_file", "write_file"]
    assert (workspace / "b.txt").read_text() == "one"
    assert bool(record.of("message_retracted")) == (fault is dying)
    assert len(two.asked) == 3
    assert len(one.asked) <= 3  # then it is left alone


async def test_the_scripted_model_completes_the_turn_and_says_so(
    store_server: str, tmp_path: Path, workspace: Path
) -> None:
    """P-10, X-14."""
    kind = "openai-compatible"
    async with upstream(DOWN) as one:
        file = configured(tmp_path, ["one", "scripted"], one=(kind, one.url))
        completed, record = await played(store_server, tmp_path, workspace, file)

    assert (completed["reason"], completed["provider"]) == ("completed", "scripted")
    assert completed["model"] == "scripted/agent"
    assert shown(record).startswith(TOKENS)


async def test_one_answer_of_the_scripted_model_marks_the_whole_turn(
    store_server: str, tmp_path: Path, workspace: Path
) -> None:
    """X-14: also when the provider is back for the rest of it."""
    kind = "anthropic"
    act = scripted_actor(kind)
    async with upstream(DOWN, DOWN, act) as one:
        file = configured(tmp_path, ["one", "scripted"], one=(kind, one.url))
        completed, _ = await played(store_server, tmp_path, workspace, file)

    assert (completed["reason"], completed["provider"]) == ("completed", "scripted")
    assert len(one.asked) == 4


async def test_without_a_second_provider_the_turn_fails_honestly(
    store_server: str, tmp_path: Path, workspace: Path
) -> None:
    """P-10, S-08: though the scripted provider is there; and the session goes on."""
    kind = "openai-compatible"
    async with upstream(DOWN) as one:
        file = configured(tmp_path, ["one"], one=(kind, one.url))
        completed, record = await played(store_server, tmp_path, workspace, file)

    error = record.of("error")[-1]
    assert completed["reason"] == "failed"
    assert (error["code"], error["class"]) == ("PROVIDER_ERROR", "overloaded")
    assert "t00001" not in shown(record)
    assert len(one.asked) == 2
