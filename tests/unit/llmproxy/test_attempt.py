import asyncio
from typing import Any

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.attempt import run
from codelab_llmproxy.clocks import Ticker
from codelab_llmproxy.course import Course, Track
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from fakes.clock import HandClock
from fakes.stage import END, StageProvider, event, stage_catalogue


class Stage:
    """One attempt at the stage."""

    def __init__(self, **fields: Any) -> None:
        messages = [{"role": "user", "content": "Hi"}]
        request = InferenceRequest.model_validate({"messages": messages} | fields)
        self.provider = StageProvider()
        self.registry = CollectorRegistry()
        self.clock = HandClock()
        self.metrics = Metrics(self.registry, self.clock)
        self.ticker = Ticker(self.clock)
        target = stage_catalogue(self.provider).resolve("default")[0]
        track = Track(self.metrics, self.ticker, self.clock)
        self.attempt = Course(request, (target,), track).attempt()
        self.inference = Inference("i-1", target, HandClock(), lambda _: None, detachable=True)

    async def play(self) -> CodelabError | None:
        with anyio.fail_after(5):
            return await run(self.attempt, self.inference, self.metrics, self.ticker)

    def kinds(self) -> list[str]:
        return [frame.split(b"\n")[1].decode()[7:] for frame in self.inference.record.read(0)]

    def attempts(self) -> list[str]:
        metric = next(m for m in self.registry.collect() if m.name == "codelab_llmproxy_attempts")
        return [sample.labels["class"] for sample in metric.samples if "total" in sample.name]

    def available(self) -> float | None:
        return self.registry.get_sample_value(
            "codelab_llmproxy_provider_available", {"provider": "stage"}
        )


async def test_an_answer_is_recorded_as_it_comes() -> None:
    stage = Stage(tools=[{"name": "git.diff"}])
    call = {"index": 0, "id": "x", "function": {"name": "git_diff", "arguments": "{}"}}
    stage.provider.say("a", " b")
    stage.provider.script.put_nowait(event({"tool_calls": [call]}))
    stage.provider.finish()

    await stage.play()

    assert stage.kinds() == ["token", "token", "tool_call", "done"]
    assert b'"name":"git.diff"' in stage.inference.record.read(2)[0]
    assert (stage.attempts(), stage.available(), stage.provider.closed) == (["ok"], 1.0, 1)
    assert stage.provider.requests[0]["tools"][0]["function"]["name"] == "git_diff"
    assert stage.provider.requests[0]["attempt"] == 1


async def test_tokens_and_the_first_chunk_are_counted() -> None:
    stage = Stage()
    stage.provider.say("a", "b")
    stage.provider.finish()

    await stage.play()

    value = stage.registry.get_sample_value
    assert value("llm_proxy_tokens_per_second") == 0.2
    assert value("codelab_llmproxy_first_chunk_seconds_count") == 1.0


async def test_a_stream_may_end_without_a_last_word() -> None:
    stage = Stage()
    stage.provider.say("a")
    stage.provider.script.put_nowait(event({}, "stop"))
    stage.provider.script.put_nowait(END)

    await stage.play()

    assert stage.inference.state == "done"


@pytest.mark.parametrize(
    ("piece", "code", "outcome", "available"),
    [
        pytest.param(END, "PROVIDER_ERROR", "cut", 0.0, id="cut"),
        pytest.param(
            CodelabError(Code.CONTEXT_TOO_LONG, "context_length"),
            "CONTEXT_TOO_LONG",
            "context_length",
            1.0,
            id="refused",
        ),
        pytest.param(RuntimeError("bug"), "INTERNAL", "internal", None, id="bug"),
        pytest.param(
            CodelabError(Code.INTERNAL), "INTERNAL", "internal", 1.0, id="without-a-class"
        ),
    ],
)
async def test_what_goes_wrong_is_returned_and_ends_nothing(
    piece: Exception | None, code: str, outcome: str, available: float | None
) -> None:
    stage = Stage()
    stage.provider.say("a")
    stage.provider.script.put_nowait(piece)

    error = await stage.play()

    assert error is not None
    assert (error.code, stage.attempts()) == (code, [outcome])
    assert (stage.inference.state, stage.available()) == ("live", available)
    assert stage.provider.closed == 1


async def test_a_bug_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.provider.script.put_nowait(RuntimeError("bug"))

    await stage.play()

    assert [(record.message, record.exc_info is not None) for record in caplog.records] == [
        ("inference failed", True)
    ]


async def test_malformed_events_are_counted() -> None:
    stage = Stage()
    stage.provider.script.put_nowait(b"data: {oops\n\n")
    stage.provider.say("a")
    stage.provider.finish()

    await stage.play()

    assert (
        stage.registry.get_sample_value(
            "codelab_llmproxy_malformed_events_total", {"provider": "stage"}
        )
        == 1.0
    )
    assert stage.inference.state == "done"


async def test_the_deadline_ends_it() -> None:
    stage = Stage(deadline_ms=20)
    stage.provider.say("a")

    async with asyncio.TaskGroup() as tasks:
        playing = tasks.create_task(stage.play())
        with stage.inference.reader(0) as reader:
            await reader.frames()
        stage.clock.advance(0.02)
        stage.ticker.tick()

    error = playing.result()
    assert error is not None
    assert (error.reason, stage.attempts()) == ("deadline", ["deadline"])
    assert stage.provider.closed == 1


async def test_a_cancelled_attempt_leaves_the_provider() -> None:
    stage = Stage()
    stage.provider.say("a")

    with anyio.move_on_after(0.02) as scope:
        await run(stage.attempt, stage.inference, stage.metrics, stage.ticker)

    assert scope.cancelled_caught
    assert (stage.attempts(), stage.provider.closed) == (["cancelled"], 1)


async def test_text_before_an_error_in_the_same_read_is_not_lost() -> None:
    stage = Stage()
    failed = b'data: {"error":{"message":"it was canary"}}\n\n'
    stage.provider.script.put_nowait(event({"content": "a"}) + failed)

    error = await stage.play()

    assert stage.kinds() == ["token"]
    assert error is not None
    assert "it was [hidden]" in error.message


async def test_an_answer_is_over_at_its_end_and_read_on_for_the_sake_of_the_connection() -> None:
    stage = Stage()
    stage.provider.say("a")
    stage.provider.finish()
    stage.provider.script.put_nowait(b"\n")
    stage.provider.script.put_nowait(CodelabError(Code.PROVIDER_ERROR, "cut"))

    await stage.play()

    assert (stage.inference.state, stage.attempts(), stage.provider.closed) == ("done", ["ok"], 1)
    assert stage.provider.script.empty()


async def test_a_limit_of_calls_says_nothing_about_the_provider() -> None:
    stage = Stage()
    stage.provider.script.put_nowait(CodelabError(Code.MODEL_UNAVAILABLE, "no_target"))

    await stage.play()

    assert (stage.attempts(), stage.available()) == (["no_target"], None)
