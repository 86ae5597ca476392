"""The course of one inference: calls of its provider, until one answer is whole or none can be."""

import asyncio
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from codelab_core.clock import Clock, random_hex
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy import attempt
from codelab_llmproxy.attempt import Attempt
from codelab_llmproxy.catalogue import Target
from codelab_llmproxy.chunks import Finish
from codelab_llmproxy.clocks import Sleep, Ticker, Watch
from codelab_llmproxy.dialect import Ask, names_of
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.plan import END, Next, Plan
from codelab_llmproxy.providers import Sending

SPREAD: Final = 0.2
"""Part of a pause by which it varies, so that callers do not come back together."""


@dataclass(frozen=True, slots=True)
class Track:
    """What all courses of a process share."""

    metrics: Metrics
    ticker: Ticker
    clock: Clock
    sleep: Sleep = asyncio.sleep
    jitter: Random = field(default_factory=Random)


@dataclass(frozen=True, slots=True)
class Course:
    """A request that is encoded for its target; `ask` is kept without the history."""

    target: Target
    body: bytes
    ask: Ask
    affinity: str
    ends_at: float
    clock: Clock

    @property
    def seconds_left(self) -> float:
        """Until the deadline."""
        return self.ends_at - self.clock.monotonic()

    def attempt(self, number: int) -> Attempt:
        """The call of this number, from 1; nothing is sent before it runs."""
        provider = self.target.provider
        watch = Watch(self.target.limits, self.seconds_left, self.clock)
        stream = provider.stream(self.body, Sending(number, self.affinity, watch))
        return Attempt(self.target, stream, provider.dialect.decoder(self.ask), watch)


def prepare(request: InferenceRequest, target: Target, clock: Clock) -> Course:
    """Encode a request for its target."""
    ask = Ask(request, target.facts, target.provider.name, names_of(request))
    body = target.provider.dialect.encode(ask)
    light = replace(ask, request=request.model_copy(update={"messages": [], "tools": []}))
    ends_at = clock.monotonic() + request.deadline_ms / 1000
    return Course(target, body, light, affinity_of(request), ends_at, clock)


def affinity_of(request: InferenceRequest) -> str:
    """What stays the same over the requests of one session; of one without, nothing does."""
    session_id = request.metadata.get("session_id")
    return session_id if isinstance(session_id, str) else request.inference_id or random_hex(16)


async def run(course: Course, inference: Inference, track: Track) -> None:
    """Call until the answer is whole, or the plan is at its end; either ends the inference."""
    plan, number = Plan(restarts=course.target.restarts), 1
    while error := await attempt.run(
        course.attempt(number), inference, track.metrics, track.ticker
    ):
        number += 1
        step = _step(plan, error, course, inference)
        track.metrics.calls.count_rescue(step.rung)
        if step.rung == "none":
            inference.fail(plan.first or error)
            return
        if step.rung == "salvage":
            inference.finish(Finish("tool_calls"), "salvage")
            return
        track.metrics.count_wasted("rescue", inference.begin_anew())
        await track.sleep(step.pause_s * track.jitter.uniform(1 - SPREAD, 1 + SPREAD))


def _step(plan: Plan, error: CodelabError, course: Course, inference: Inference) -> Next:
    """What the plan says of a failure, which is noted; a pause beyond the deadline is the end."""
    inference.note_failure(error)
    step = plan.after(error, inference.shown)
    return step if step.pause_s < course.seconds_left else END
