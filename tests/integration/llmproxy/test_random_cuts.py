"""Answers of two providers, cut at any byte: a reader assembles one whole answer, or none."""

import random
from collections.abc import Iterator
from typing import Any

import anyio
import orjson
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.clocks import Ticker
from codelab_llmproxy.course import Course, Track, run
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from fakes.clock import HandClock
from fakes.dialect_writers import Said, delta, fragments, openai
from fakes.stage import END, StageProvider, stage_target

ROUNDS = 300
FAILURES = ["cut", "stalled", "reset", "overloaded", "malformed", "silent"]
REQUEST = InferenceRequest.model_validate(
    {"messages": [{"role": "user", "content": "Hi"}], "tools": [{"name": "read_file"}]}
)
Call = tuple[str, dict[str, Any]]


async def no_pause(_seconds: float) -> None:
    """Time does not pass here."""


def answer_of(name: str, chance: random.Random) -> Said:
    """What a provider says: text that only it says, and some calls."""
    words = tuple(f"{name}{n} " for n in range(chance.randint(0, 6)))
    thoughts = tuple(f"({name}{n})" for n in range(chance.randint(0, 2)))
    count = chance.randint(0, 3) if words else chance.randint(1, 3)
    calls = tuple(("read_file", f'{{"path":"{name}{n}"}}') for n in range(count))
    return Said(words, thoughts, calls)


def one_by_one(said: Said) -> Iterator[bytes]:
    """A stream in which each call is whole before the next begins."""
    for text in said.texts:
        yield delta(content=text)
    for index, (name, text) in enumerate(said.calls):
        yield delta(tool_calls=[{"index": index, "id": f"c{index}", "function": {"name": name}}])
        for piece in fragments(text):
            yield delta(tool_calls=[{"index": index, "function": {"arguments": piece}}])
    yield delta("tool_calls" if said.calls else "stop")


def arguments(said: Said) -> list[Call]:
    return [(name, orjson.loads(text)) for name, text in said.calls]


class World:
    """Two providers, each of which is cut as often as a draw says."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 -- a test that can be played again
        self.said = {name: answer_of(name, self.chance) for name in ("a", "b")}
        self.in_turn = self.chance.random() < 0.5
        clock = HandClock()
        metrics = Metrics(CollectorRegistry(), clock)
        track = Track(metrics, Ticker(clock), clock, no_pause)
        self.providers = {name: StageProvider() for name in self.said}
        targets = tuple(stage_target(provider) for provider in self.providers.values())
        for name, provider in self.providers.items():
            provider.name = name
            for _ in range(self.chance.randint(0, 3)):
                self._cut(name)
            for piece in (*self._stream(name), END):
                provider.script.put_nowait(piece)
        self.course, self.track = Course(REQUEST, targets, track), track
        self.inference = Inference("i", targets[0], clock, lambda _: None, detachable=True)

    def _stream(self, name: str) -> Iterator[bytes]:
        """A whole answer; its calls come one after the other, or all at once."""
        said = self.said[name]
        if self.in_turn:
            return one_by_one(said)
        *pieces, finish, usage, done = openai(said)
        return iter((*pieces, finish + usage + done))

    def _cut(self, name: str) -> None:
        """One answer of a provider that breaks off anywhere, for any reason."""
        whole = b"".join([*self._stream(name)][:-1])  # without the end of the answer
        part = whole[: self.chance.randrange(len(whole))]
        while part:
            size = self.chance.randint(1, 200)
            self.providers[name].script.put_nowait(part[:size])
            part = part[size:]
        reason = self.chance.choice(FAILURES)
        failure = CodelabError(Code.PROVIDER_ERROR, reason) if reason != "cut" else END
        self.providers[name].script.put_nowait(failure)

    async def play(self) -> list[tuple[str, Any]]:
        """The chunks that stand in the end, after the last `restart`."""
        with anyio.fail_after(5):
            await run(self.course, self.inference, self.track)
        lines = [frame.split(b"\n") for frame in self.inference.record.read(0)]
        chunks = [(line[1][7:].decode(), orjson.loads(line[2][6:])) for line in lines]
        restarts = [n for n, (kind, _) in enumerate(chunks) if kind == "restart"]
        return chunks[restarts[-1] + 1 :] if restarts else chunks


def _check(world: World, chunks: list[tuple[str, Any]]) -> str:
    """One answer as one provider gave it, or the part of it that may stand, or an error."""
    kind, last = chunks[-1]
    if kind == "error":
        return "error"
    said = world.said[last["provider"]]
    text = "".join(value["token"] for name, value in chunks if name == "token")
    calls = [(value["name"], value["arguments"]) for name, value in chunks if name == "tool_call"]
    if last.get("salvaged"):
        assert calls == arguments(said)[: len(calls)]
        assert calls
        return "salvaged"
    assert (text, calls) == ("".join(said.texts), arguments(said))
    assert last["finish_reason"] == ("tool_calls" if calls else "stop")
    return "whole"


@pytest.mark.parametrize("block", range(3))
async def test_no_cut_loses_or_doubles_anything(block: int) -> None:
    """P-17, P-18: 0 characters lost or doubled, 0 false completes, 0 broken calls."""
    ends = []
    for seed in range(block * ROUNDS, (block + 1) * ROUNDS):
        world = World(seed)
        chunks = await world.play()
        ends.append(_check(world, chunks))
        calls = sum(len(provider.requests) for provider in world.providers.values())
        assert calls <= 6, seed

    assert {*ends} == {"whole", "salvaged", "error"}
    assert ends.count("whole") > ROUNDS / 2
