import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import orjson
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.errors import CodelabError
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.inferences import Inferences
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.neutral_body import parse
from fakes.clock import HandClock
from fakes.stage import StageOffer, StageProvider, stage_catalogue


class World:
    """All inferences of a proxy whose only provider is the stage."""

    def __init__(self, **settings: Any) -> None:
        self.clock = HandClock()
        self.provider = StageProvider()
        self.registry = CollectorRegistry()
        self.inferences = Inferences(
            LLMProxySettings.load(**settings),
            StageOffer(stage_catalogue(self.provider)),
            Metrics(self.registry, self.clock),
            self.clock,
        )

    def open(self, inference_id: str | None = "i-1", **fields: Any) -> Inference:
        identity = {"inference_id": inference_id} if inference_id else {}
        messages = [{"role": "user", "content": "Hi"}]
        return self.inferences.open(
            *parse(orjson.dumps({"messages": messages} | identity | fields))
        )

    def refusal(self, *args: Any, **fields: Any) -> CodelabError:
        with pytest.raises(CodelabError) as caught:
            self.open(*args, **fields)
        return caught.value

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"codelab_llmproxy_{name}", labels)


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    running = World(**settings)
    with anyio.fail_after(5):
        async with running.inferences.running():
            yield running


async def ended(inference: Inference) -> None:
    """Follow to the end."""
    with inference.reader(0) as reader:
        while await reader.frames():
            pass


async def head_at(inference: Inference, count: int) -> None:
    """Wait until so many chunks are there."""
    with inference.reader(0) as reader:
        while reader.position < count:
            await reader.frames()


async def test_the_same_request_attaches_and_asks_the_provider_once() -> None:
    async with world() as w:
        first = w.open(metadata={"turn_id": "t1"})
        again = w.open(metadata={"turn_id": "t2"}, deadline_ms=5)
        w.provider.say("a")
        w.provider.finish()
        await ended(first)
        late = w.open()

    assert first is again is late
    assert len(w.provider.requests) == 1


async def test_another_request_under_the_same_id_is_refused() -> None:
    async with world() as w:
        w.open()
        error = w.refusal(temperature=1)

    assert (error.code, error.reason) == ("CONFLICT", "inference_mismatch")


async def test_a_reader_attaches_where_it_was_cut_off() -> None:
    async with world() as w:
        inference = w.open()
        w.provider.say("a", "b")
        await head_at(inference, 2)
        crcs = [inference.record.crc(n) for n in range(3)]
        attached = [w.open("i-1", **{"from": n, "crc": crcs[n]}) for n in range(3)]
        wrong = w.refusal(**{"from": 2, "crc": crcs[1]})
        beyond = w.refusal(**{"from": 3, "crc": 0})

    assert attached == [inference] * 3
    assert (wrong.reason, wrong.details) == ("buffer_lost", {"have": 0})
    assert (beyond.reason, beyond.details) == ("buffer_lost", {"have": 2})


async def test_what_this_process_never_had_is_lost() -> None:
    async with world() as w:
        error = w.refusal(**{"from": 3})

    assert (error.code, error.reason, error.details) == ("CONFLICT", "buffer_lost", {"have": 0})
    assert w.provider.requests == []


async def test_an_expired_record_is_never_sampled_again() -> None:
    async with world(keep_s=100) as w:
        inference = w.open()
        w.provider.say("a")
        w.provider.finish()
        await ended(inference)
        w.clock.advance(100)
        w.inferences.sweep()
        error = w.refusal()

    assert error.code == "INFERENCE_EXPIRED"
    assert len(w.provider.requests) == 1


async def test_a_lower_fence_is_refused_everywhere() -> None:
    async with world() as w:
        w.open(fence=5)
        w.open(fence=6)
        attach = w.refusal(fence=5)
        with pytest.raises(CodelabError) as cancel:
            w.inferences.cancel("i-1", 5)
        state = w.inferences.find("i-1").state
        w.inferences.cancel("i-1", 6)

    assert (attach.code, cancel.value.code) == ("CONFLICT", "CONFLICT")
    assert (state, w.inferences.find("i-1").state) == ("live", "cancelled")


async def test_cancel_closes_the_provider_and_twice_does_no_harm() -> None:
    async with world() as w:
        inference = w.open()
        w.provider.say("a")
        await head_at(inference, 1)
        w.inferences.cancel("i-1", None)
        w.inferences.cancel("i-1", None)
        w.inferences.cancel("unknown", None)
        await w.provider.left.wait()

    assert b'"finish_reason":"cancelled"' in inference.record.read(1)[0]
    assert w.value("wasted_tokens_total", reason="cancel") == 1.0
    assert w.value("inflight") == 0.0


async def test_one_that_was_cancelled_before_it_ran_ends_too() -> None:
    async with world() as w:
        inference = w.open()
        w.inferences.cancel("i-1", None)
        await ended(inference)

    assert inference.state == "cancelled"
    assert w.provider.requests == []


async def test_what_nobody_reads_is_cancelled_after_its_time() -> None:
    async with world(orphan_s=60) as w:
        inference = w.open()
        w.provider.say("a")
        await head_at(inference, 1)
        w.clock.advance(59)
        w.inferences.sweep()
        before = inference.state
        w.clock.advance(1)
        w.inferences.sweep()
        await w.provider.left.wait()

    assert (before, inference.state) == ("live", "orphaned")
    assert w.value("wasted_tokens_total", reason="detached") == 1.0


async def test_what_somebody_reads_is_not() -> None:
    async with world(orphan_s=60) as w:
        inference = w.open()
        with inference.reader(0):
            w.clock.advance(1_000)
            w.inferences.sweep()

            assert inference.is_live


async def test_the_sweeper_runs_by_itself() -> None:
    async with world(orphan_s=0.04) as w:
        inference = w.open()
        w.provider.say("a")
        await head_at(inference, 1)
        w.clock.advance(1)
        await w.provider.left.wait()

    assert inference.state == "orphaned"


async def test_a_released_record_is_kept_for_a_minute_only() -> None:
    async with world(keep_s=900) as w:
        inference = w.open()
        w.provider.say("a")
        w.provider.finish()
        await ended(inference)
        w.inferences.cancel("i-1", None)
        w.clock.advance(60)
        w.inferences.sweep()

        with pytest.raises(CodelabError, match="NOT_FOUND/inference"):
            w.inferences.find("i-1")
    assert inference.state == "done"


async def test_without_an_id_one_is_made_and_nothing_is_kept() -> None:
    async with world() as w:
        inference = w.open(None)
        other = w.open(None)
        with inference.reader(0):
            pass

        with pytest.raises(CodelabError, match="NOT_FOUND/inference"):
            w.inferences.find(inference.id)
        assert w.inferences.find(other.id) is other
    assert len(inference.id) == 34
    assert inference.state == "cancelled"


async def test_no_more_run_at_once_than_allowed() -> None:
    async with world(max_live=1) as w:
        w.open("i-1")
        error = w.refusal("i-2")
        again = w.open("i-1")

    assert (error.code, error.reason, error.retry_after_ms) == ("UNAVAILABLE", "queue", 1000)
    assert again.id == "i-1"


async def test_an_unknown_model_is_refused() -> None:
    async with world() as w:
        error = w.refusal(model="nobody")

    assert (error.reason, error.details) == (
        "unknown_model",
        {"models": ["default", "auto", "gpt-4", "gpt-4o", "stage"]},
    )
    assert w.value("inflight") == 0.0


async def test_a_drain_takes_no_new_ones_and_waits_for_the_live_ones() -> None:
    async with world() as w:
        inference = w.open("i-1")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(w.inferences.drain())
            await asyncio.sleep(0)
            refused, attached = w.refusal("i-2"), w.open("i-1")
            w.provider.say("a")
            w.provider.finish()

    assert (refused.code, refused.reason, refused.retry_after_ms) == ("UNAVAILABLE", "draining", 0)
    assert (attached, inference.state) == (inference, "done")


async def test_a_drain_that_takes_too_long_abandons_what_is_left() -> None:
    async with world() as w:
        inference = w.open()
        with inference.reader(0) as reader:
            with anyio.move_on_after(0.01):
                await w.inferences.drain()

            assert await reader.frames() == []
    assert inference.state == "abandoned"


async def test_nothing_is_left_running_at_the_end() -> None:
    async with world() as w:
        inference = w.open()
        w.provider.say("a")
        await head_at(inference, 1)

    assert (inference.state, w.provider.closed) == ("abandoned", 1)
    assert w.refusal("i-2").reason == "draining"
