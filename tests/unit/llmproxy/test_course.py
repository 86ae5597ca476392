from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import orjson
from prometheus_client import CollectorRegistry

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.clocks import Limits, Ticker
from codelab_llmproxy.course import Course, Track, affinity_of, run
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.providers import Hold
from fakes.clock import HandClock
from fakes.stage import END, StageProvider, event, stage_target

CALL = {"index": 0, "id": "x", "function": {"name": "a", "arguments": "{}"}}
NEXT = {"index": 1, "id": "y", "function": {"name": "b", "arguments": "{"}}
DOWN = CodelabError(Code.PROVIDER_ERROR, "overloaded")
SILENT = CodelabError(Code.PROVIDER_TIMEOUT, "silent")


class Stage:
    """One inference of one target or of two; `pauses` are those between its calls."""

    def __init__(self, count: int = 1, **fields: Any) -> None:
        messages = [{"role": "user", "content": "Hi"}]
        request = InferenceRequest.model_validate({"messages": messages} | fields)
        self.provider, self.clock = StageProvider(), HandClock()
        self.registry = CollectorRegistry()
        self.pauses: list[float] = []
        metrics = Metrics(self.registry, self.clock)
        self.track = Track(metrics, Ticker(self.clock), self.clock, self._sleep)
        self.other = StageProvider()
        self.request = request
        self.targets = (stage_target(self.provider), stage_target(self.other))[:count]
        self.other.name = "other"
        self.on_pause: Callable[[], None] = lambda: None
        self.course = Course(request, self.targets, self.track)
        first = self.targets[0]
        self.inference = Inference("i-1", first, self.clock, lambda _: None, detachable=True)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)
        self.on_pause()

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


async def test_a_wait_that_the_provider_asked_for_is_kept() -> None:
    """Wall 1."""
    pauses = []
    for _ in range(20):
        stage = Stage()
        stage.put(CodelabError(Code.PROVIDER_ERROR, "overloaded", retry_after_ms=2_000))
        stage.put(say("a"), event({}, "stop"), END)
        await stage.play()
        pauses += stage.pauses

    assert len(pauses) == 20
    assert 2.0 <= min(pauses) <= max(pauses) <= 2.4


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
    assert (last["salvaged"], last["dropped_calls"]) == (True, 1)
    assert [attempt["class"] for attempt in last["attempts"]] == ["cut"]
    assert len(stage.provider.requests) == 1


async def test_no_pause_outlasts_the_deadline() -> None:
    stage = Stage(deadline_ms=400)
    stage.put(DOWN)

    chunks = await stage.play()

    assert [kind for kind, _ in chunks] == ["error"]
    assert stage.pauses == []


async def test_another_target_answers_for_one_that_is_silent() -> None:
    """P-17: nothing of it is seen but who answered."""
    stage = Stage(2)
    stage.put(SILENT)
    stage.other.say("a")
    stage.other.finish()

    chunks = await stage.play()

    done = chunks[-1][1]
    assert [kind for kind, _ in chunks] == ["token", "done"]
    assert (done["provider"], stage.inference.target.provider) == ("other", stage.other)
    assert [(one["provider"], one["class"]) for one in done["attempts"]] == [
        ("stage", "silent"),
        ("other", "ok"),
    ]
    assert stage.other.requests[0]["messages"] == [{"role": "user", "content": "Hi"}]
    assert (stage.value("rescues", rung="failover"), stage.pauses) == (1, [0])
    assert stage.provider.blamed == ["silent"]


async def test_text_of_a_target_that_broke_off_is_given_anew_by_another() -> None:
    stage = Stage(2)
    stage.put(say("Hel"), event({"tool_calls": [NEXT | {"index": 0}]}), END)
    stage.other.say("Bye")
    stage.other.finish()

    chunks = await stage.play()

    assert [kind for kind, _ in chunks] == ["token", "restart", "token", "done"]
    assert chunks[-1][1]["provider"] == "other"
    assert stage.value("rescues", rung="restart") == 1


async def test_the_error_lists_all_calls_and_is_the_first_failure() -> None:
    stage = Stage(2)
    stage.put(SILENT)
    stage.other.script.put_nowait(CodelabError(Code.INVALID_REQUEST, "invalid_request"))

    chunks = await stage.play()

    ((kind, data),) = chunks
    assert (kind, data["class"]) == ("error", "silent")
    assert [(one["provider"], one["class"], one["billed"]) for one in data["attempts"]] == [
        ("stage", "silent", "unknown"),
        ("other", "invalid_request", "no"),
    ]


async def test_a_target_is_waited_for_less_where_another_could_answer() -> None:
    hurried, last = Stage(2).course, Stage().course

    limits = [course.attempt().sending.watch.limits for course in (hurried, last)]

    assert limits == [Limits(3, 10, 10, 15), Limits()]


async def test_text_that_may_not_be_taken_back_is_waited_for_as_before() -> None:
    stage = Stage(2)
    targets = tuple(replace(target, restarts=False) for target in stage.targets)

    course = Course(stage.request, targets, stage.track)

    assert course.attempt().sending.watch.limits == Limits(3, 10, 10, 30)


async def test_targets_that_are_held_back_are_waited_for_a_moment() -> None:
    stage = Stage(2)
    stage.provider.held = stage.other.held = Hold(9.0)
    held = Course(stage.request, stage.targets, stage.track)

    error = await held.open()

    assert error is not None
    assert (error.code, error.reason, error.retry_after_ms) == (
        "MODEL_UNAVAILABLE",
        "no_target",
        9_000,
    )
    assert sum(stage.pauses) == 2.0
    assert stage.provider.requests == []


async def test_a_course_goes_on_as_soon_as_a_target_is_free() -> None:
    stage = Stage(2)
    stage.provider.held = stage.other.held = Hold(0.1)
    stage.course = Course(stage.request, stage.targets, stage.track)
    stage.on_pause = lambda: setattr(stage.other, "held", Hold())
    stage.other.say("a")
    stage.other.finish()

    chunks = await stage.play()

    assert (stage.pauses, chunks[-1][1]["provider"]) == ([0.1], "other")


async def test_what_nobody_can_be_asked_is_an_error_of_the_answer() -> None:
    stage = Stage()
    stage.provider.held = Hold(9.0)
    stage.course = Course(stage.request, stage.targets, stage.track)

    chunks = await stage.play()

    assert [(kind, data["class"]) for kind, data in chunks] == [("error", "no_target")]


async def test_where_all_are_held_back_the_error_says_why() -> None:
    stage = Stage()
    for _ in range(3):
        stage.track.health.note(stage.targets[0], 0, DOWN)

    error = await Course(stage.request, stage.targets, stage.track).open()

    assert error is not None
    assert error.message == "No provider can answer now. The last failure was overloaded."


async def test_an_answer_of_which_nothing_was_seen_is_given_up_in_time() -> None:
    stage = Stage(2)
    stage.put(SILENT)
    stage.clock.advance(91)

    chunks = await stage.play()

    assert [(kind, data["class"]) for kind, data in chunks] == [("error", "silent")]
    assert stage.other.requests == []


async def test_a_probe_that_is_cancelled_lets_the_next_one_go() -> None:
    stage = Stage()
    for _ in range(3):
        stage.track.health.note(stage.targets[0], 0, DOWN)
    stage.clock.advance(6)
    stage.course = Course(stage.request, stage.targets, stage.track)

    with anyio.move_on_after(0.01):
        await run(stage.course, stage.inference, stage.track)

    assert stage.track.health.standing(stage.targets[0]).wait_s == 0


def test_requests_of_a_session_stay_together() -> None:
    messages = [{"role": "user", "content": "Hi"}]

    def affinity(**fields: Any) -> str:
        return affinity_of(InferenceRequest.model_validate({"messages": messages} | fields))

    assert affinity(metadata={"session_id": "s1"}, inference_id="i") == "s1"
    assert affinity(inference_id="i-1") == "i-1"
    assert affinity(metadata={"session_id": 5}) != affinity()
