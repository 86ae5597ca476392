from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.errors import CodelabError
from codelab_llmproxy import clocks
from codelab_llmproxy.clocks import Limits
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.providers import Sending
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.scripted.provider import (
    BIG_BODY_BYTES,
    BREATH,
    ScriptedProvider,
    load_scenarios,
)
from codelab_llmproxy.scripted.scenario import ScenarioError


class Watch:
    """A clock that stands still until somebody sleeps."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.now = 100.0
        self.naps: list[float] = []
        self._late_s = late_s

    def wall_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(round(seconds, 6))
        self.now += seconds + self._late_s


def provider(watch: Watch, time_scale: float = 1.0) -> ScriptedProvider:
    return ScriptedProvider(ScriptedModels({}), watch, sleep=watch.sleep, time_scale=time_scale)


def sending(watch: Watch, attempt: int = 1) -> Sending:
    return Sending(attempt, "s", clocks.Watch(Limits(), 60, watch))


def body(text: str, model: str = "scripted/agent", **more: Any) -> bytes:
    messages = [{"role": "user", "content": text}]
    return orjson.dumps({"model": model, "messages": messages} | more)


async def events(
    request: bytes, watch: Watch | None = None, time_scale: float = 1.0
) -> list[Mapping[str, Any]]:
    chosen = watch or Watch()
    stream = provider(chosen, time_scale).stream(request, sending(chosen))
    pieces = [piece async for piece in stream]
    return [orjson.loads(piece[6:]) for piece in pieces[:-1]]


async def test_an_answer_is_streamed_one_event_at_a_time() -> None:
    """P-05."""
    deltas = [event["choices"] for event in await events(body("Привет мир", "echo"))]

    assert [choice["delta"].get("content") for choices in deltas for choice in choices] == [
        "",
        "Echo:",
        " Привет",
        " мир",
        None,
    ]


async def test_usage_counts_words_thoughts_and_pieces_of_calls() -> None:
    tools = [{"function": {"name": "git_diff"}}]
    request = body("think about tea then show the diff", tools=tools)

    usage = (await events(request))[-1]["usage"]

    assert usage["prompt_tokens"] == -(-len(request) // 4)
    assert usage["completion_tokens"] == 14 + 1 + 8 + 4 + 2


async def test_the_pace_holds() -> None:
    """P-05."""
    watch = Watch()

    await events(body("write 4 tokens at 10 per second"), watch)

    assert watch.naps == [0.1, 0.1, 0.1]


async def test_late_pieces_come_at_once_so_that_the_pace_holds() -> None:
    watch = Watch(late_s=0.15)

    await events(body("write 6 tokens at 10 per second"), watch)

    assert watch.naps == [0.1, 0.05, 0.05]


async def test_the_scale_of_time_is_kept() -> None:
    watch = Watch()

    await events(body("write 3 tokens at 10 per second"), watch, time_scale=0.5)

    assert watch.naps == [0.05, 0.05]


@pytest.mark.parametrize(
    ("text", "time_scale"),
    [("write 40 tokens at 0 per second", 1.0), ("write 40 tokens at 10 per second", 0.0)],
)
async def test_without_a_pace_others_still_get_their_turn(text: str, time_scale: float) -> None:
    watch = Watch()

    await events(body(text), watch, time_scale)

    assert watch.naps == [0.0] * (40 // BREATH + 1)


async def test_the_same_request_gives_the_same_bytes() -> None:
    streams = [
        [
            piece
            async for piece in provider(Watch()).stream(body("think about tea"), sending(Watch()))
        ]
        for _ in range(2)
    ]

    assert streams[0] == streams[1]


async def test_a_large_request_is_answered_too() -> None:
    text = "echo " + "x" * BIG_BODY_BYTES

    said = await events(body(text))

    assert said[1]["choices"][0]["delta"] == {"content": "Echo:"}


async def test_a_request_beyond_the_window_is_refused() -> None:
    with pytest.raises(CodelabError, match="CONTEXT_TOO_LONG/context_length"):
        await events(body("x" * 4_000_001))
    with pytest.raises(CodelabError, match="CONTEXT_TOO_LONG/context_length"):
        await events(body("x" * 17_000, "scripted/agent-4k"))


async def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(CodelabError, match="unknown_model"):
        await events(body("x", "gpt-4"))


def test_models_are_described() -> None:
    scripted = provider(Watch())

    echo = ModelFacts("echo", "echo", "scripted", context_window=1_000_000, max_output=100_000)
    assert (scripted.models()[3], scripted.find("echo")) == (echo, echo)
    assert scripted.find("scripted/tokens-3@1") == replace(
        echo, id="scripted/tokens-3@1", label="scripted/tokens"
    )
    assert scripted.find("scripted/none") is None
    assert (scripted.name, scripted.kind) == ("scripted", "scripted")


async def test_it_is_always_there_and_has_no_keys() -> None:
    scripted = provider(Watch())

    await scripted.check()

    assert scripted.redact("sk-12345678") == "sk-12345678"


def test_scenarios_are_loaded_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("name: two\nsteps: [{text: x}]")
    (tmp_path / "a.yml").write_text("name: one\nsteps: [{text: x}]")
    (tmp_path / "notes.txt").write_text("no scenario")

    assert list(load_scenarios(tmp_path)) == ["one", "two"]
    assert load_scenarios(None) == {}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({"a.yaml": b"name: a"}, r"a\.yaml: .*steps", id="no-scenario"),
        pytest.param({"a.yaml": b"\xff"}, r"a\.yaml: .*utf-8", id="no-text"),
        pytest.param(
            dict.fromkeys(("a.yaml", "b.yaml"), b"name: a\nsteps: [{text: x}]"),
            r"b\.yaml: there are two scenarios a",
            id="twice",
        ),
    ],
)
def test_a_folder_with_anything_else_is_refused(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ScenarioError, match=f"(?s){message}"):
        load_scenarios(tmp_path)


def test_the_clock_of_the_machine_fits() -> None:
    assert ScriptedProvider(ScriptedModels({}), SYSTEM_CLOCK, sleep=Watch().sleep).models()
