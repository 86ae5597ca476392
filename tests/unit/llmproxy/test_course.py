from typing import Any

import anyio
import orjson
from prometheus_client import CollectorRegistry

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.clocks import Ticker
from codelab_llmproxy.course import Track, affinity_of, prepare, run
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from fakes.clock import HandClock
from fakes.stage import END, StageProvider, event, stage_catalogue

CALL = {"index": 0, "id": "x", "function": {"name": "a", "arguments": "{}"}}
NEXT = {"index": 1, "id": "y", "function": {"name": "b", "arguments": "{"}}
DOWN = CodelabError(Code.PROVIDER_ERROR, "overloaded")


class Stage:
    """One inference; `pauses` are those between its calls."""

    def __init__(self, **fields: Any) -> None:
        messages = [{"role": "user", "content": "Hi"}]
        request = InferenceRequest.model_validate({"messages": messages} | fields)
        self.provider, self.clock = StageProvider(), HandClock()
        self.registry = CollectorRegistry()
        self.pauses: list[float] = []
        metrics = Metrics(self.registry, self.clock)
        self.track = Track(metrics, Ticker(self.clock), self.clock, self._sleep)
        target = stage_catalogue(self.provider).resolve("default")
        self.course = prepare(request, target, self.clock)
        self.inference = Inference("i-1", target, self.clock, lambda _: None, detachable=True)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def put(self, *script: Any) -> None:
        for piece in script:
            self.provider.script.put_nowait(piece)

    async def play(self) -> list[tuple[str, Any]]:
        """Kind and data of each chunk."""
        with anyio.fail_after(5):
            await run(self.course, self.inference, self.track)
        lines = [frame.split(b"\n") for frame in self.inference.record.read(0)]
        return [(line[1][7:].decode(), orjson.loads(line[2][6:])) for line in lines]

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"codelab_llmproxy_{name}_total", labels)


def say(text: str) -> bytes:
    return event({"content": text})


async def test_a_broken_answer_is_taken_back_and_given_anew() -> None:
    """P-18."""
    stage = Stage()
    stage.put(say("Hel"), END, say("Hello"), event({}, "stop"), END)

    chunks = await stage.play()

    lost = {"provider": "stage", "model": "stage", "class": "cut", "billed": "yes"}
    assert chunks == [
        ("token", {"token": "Hel"}),
        ("restart", {"reason": "provider"}),
        ("token", {"token": "Hello"}),
        (
            "done",
            {
                "finish_reason": "stop",
                "model": "stage",
                "provider": "stage",
                "attempts": [lost, lost | {"class": "ok"}],
                "rescue": "restart",
                "warnings": [],
            },
        ),
    ]
    assert [asked["attempt"] for asked in stage.provider.requests] == [1, 2]
    assert (stage.value("rescues", rung="restart"), stage.pauses) == (1, [0])
    assert stage.value("wasted_tokens", reason="rescue") == 1


async def test_trouble_before_the_first_word_is_not_seen() -> None:
    stage = Stage()
    stage.put(DOWN, say("a"), event({}, "stop"), END)

    chunks = await stage.play()

    assert [kind for kind, _ in chunks] == ["token", "done"]
    assert chunks[-1][1]["attempts"][0]["class"] == "overloaded"
    assert "rescue" not in chunks[-1][1]
    assert 0.4 <= stage.pauses[0] <= 0.6


async def test_the_first_failure_is_the_one_that_is_told() -> None:
    stage = Stage()
    stage.put(DOWN, CodelabError(Code.CONTEXT_TOO_LONG, "context_length"))

    chunks = await stage.play()

    assert [(kind, data["class"]) for kind, data in chunks] == [("error", "overloaded")]
    assert stage.value("rescues", rung="none") == 1
    assert stage.inference.state == "failed"


async def test_whole_calls_stand_when_the_rest_is_lost() -> None:
    stage = Stage()
    stage.put(say("a"), event({"tool_calls": [CALL]}), event({"tool_calls": [NEXT]}), END)

    chunks = await stage.play()

    assert [kind for kind, _ in chunks] == ["token", "tool_call", "done"]
    last = chunks[-1][1]
    assert (last["finish_reason"], last["rescue"]) == ("tool_calls", "salvage")
    assert [attempt["class"] for attempt in last["attempts"]] == ["cut"]
    assert len(stage.provider.requests) == 1


async def test_no_pause_outlasts_the_deadline() -> None:
    stage = Stage(deadline_ms=400)
    stage.put(DOWN)

    chunks = await stage.play()

    assert [kind for kind, _ in chunks] == ["error"]
    assert stage.pauses == []


def test_requests_of_a_session_stay_together() -> None:
    messages = [{"role": "user", "content": "Hi"}]

    def affinity(**fields: Any) -> str:
        return affinity_of(InferenceRequest.model_validate({"messages": messages} | fields))

    assert affinity(metadata={"session_id": "s1"}, inference_id="i") == "s1"
    assert affinity(inference_id="i-1") == "i-1"
    assert affinity(metadata={"session_id": 5}) != affinity()
