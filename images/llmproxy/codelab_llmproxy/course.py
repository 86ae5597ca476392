"""The course of one inference: calls of its targets, until one answer is whole or none can be."""

import asyncio
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from codelab_core.clock import Clock, random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy import attempt
from codelab_llmproxy.attempt import Attempt
from codelab_llmproxy.catalogue import Target
from codelab_llmproxy.clocks import Limits, Sleep, Ticker, Watch
from codelab_llmproxy.dialect import Ask, names_of
from codelab_llmproxy.health import Health
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.plan import END, Next, Plan, Standing
from codelab_llmproxy.providers import Sending
from codelab_llmproxy.scopes import NO_TARGET

SPREAD: Final = 0.2
"""Part of a pause by which it varies, so that callers do not come back together; one that the
provider asked for is never cut short."""
OPENING_S: Final = 2.0
"""How long an inference waits for a target that can be asked."""
LOOK_S: Final = 0.25
UNSEEN_S: Final = 90.0
UNSEEN_REASONING_S: Final = 240.0
"""How long calls may go on while nothing of the answer was shown."""


@dataclass(slots=True)
class Track:
    """What all courses of a process share."""

    metrics: Metrics
    ticker: Ticker
    clock: Clock
    sleep: Sleep = asyncio.sleep
    jitter: Random = field(default_factory=Random)
    health: Health = field(init=False)

    def __post_init__(self) -> None:
        self.health = Health(self.clock, self.jitter.uniform)


class Course:
    """One request on its way: its targets, encoded for the one that is asked now.

    The history is kept only where another target may have to be told of it. `dropped` are calls of
    the last answer that were not whole.
    """

    def __init__(
        self, request: InferenceRequest, targets: tuple[Target, ...], track: Track
    ) -> None:
        self.plan = Plan(restarts=targets[0].restarts)
        self._targets = targets
        self._track = track
        self._affinity = affinity_of(request)
        self._began = track.clock.monotonic()
        self._deadline_s = request.deadline_ms / 1000
        self._calls = 0
        self.dropped = 0
        self._request = request
        self.step = self.plan.begin(self.standings())
        self.target = targets[self.step.target]
        self._body, self._ask = self._encoded()
        if len(targets) == 1:
            self._request = _light(request)

    def standings(self) -> list[Standing]:
        """All targets as they are doing now."""
        return [self._track.health.standing(target) for target in self._targets]

    def seconds_left(self, *, is_seen: bool) -> float:
        """Until the deadline, or until an answer of which nothing was ever seen is given up."""
        unseen_s = UNSEEN_REASONING_S if self.target.facts.reasoning else UNSEEN_S
        limit = self._deadline_s if is_seen else min(self._deadline_s, unseen_s)
        return self._began + limit - self._track.clock.monotonic()

    async def open(self) -> CodelabError | None:
        """Wait a moment for a target that can be asked; the error where none can."""
        waited = 0.0
        while self.step.rung == "none":
            if waited >= OPENING_S:
                last = self._track.health.last_error(self._targets)
                return no_target(self.step.pause_s, last)
            pause_s = min(self.step.pause_s, LOOK_S)
            await self._track.sleep(pause_s)
            waited += pause_s
            self.step = self.plan.begin(self.standings())
        return None

    def attempt(self) -> Attempt:
        """The call that comes next; nothing is sent before it runs."""
        target = self._targets[self.step.target]
        if target is not self.target:
            self.target = target
            self._body, self._ask = self._encoded()
        self._calls += 1
        provider = target.provider
        watch = Watch(self._limits(), self.seconds_left(is_seen=True), self._track.clock)
        sending = Sending(self._calls, self._affinity, watch, target.model)
        stream = provider.stream(self._body, sending)
        return Attempt(target, stream, provider.dialect.decoder(self._ask), sending)

    def _limits(self) -> Limits:
        """How long to wait for the target: less where another could answer instead of it."""
        if not self.plan.has_other(self.standings()):
            return self.target.limits
        if not self.plan.rescues_left:
            return replace(self.target.hurried, idle_s=self.target.limits.idle_s)
        return self.target.hurried

    def _encoded(self) -> tuple[bytes, Ask]:
        """The request in the dialect of the target, and what its decoder needs to know."""
        provider = self.target.provider
        ask = Ask(self._request, self.target.facts, provider.name, names_of(self._request))
        return provider.dialect.encode(ask), replace(ask, request=_light(self._request))


def _light(request: InferenceRequest) -> InferenceRequest:
    """A request without what it costs to keep."""
    return request.model_copy(update={"messages": [], "tools": []})


def no_target(wait_s: float, last: str | None) -> CodelabError:
    """The error where every target is left alone, or has too many calls; `last` is why."""
    error = CodelabError(
        Code.MODEL_UNAVAILABLE, NO_TARGET, retry_after_ms=max(1, round(1000 * min(wait_s, 60.0)))
    )
    if last:
        error.message = f"{error.message} The last failure was {last}."
    return error


def affinity_of(request: InferenceRequest) -> str:
    """What stays the same over the requests of one session; of one without, nothing does."""
    session_id = request.metadata.get("session_id")
    return session_id if isinstance(session_id, str) else request.inference_id or random_hex(16)


async def run(course: Course, inference: Inference, track: Track) -> None:
    """Call until the answer is whole, or the plan is at its end; either ends the inference."""
    if error := await course.open():
        inference.fail(error)
        return
    while (error := await _call(course, inference, track)) is not None:
        step = course.step = _step(error, course, inference)
        track.metrics.calls.count_rescue(step.rung)
        if step.rung == "none":
            inference.fail(course.plan.first or error)
            return
        if step.rung == "salvage":
            inference.salvage(course.dropped)
            return
        track.metrics.count_wasted("rescue", inference.begin_anew())
        least = 1 - SPREAD if error.retry_after_ms is None else 1.0
        await track.sleep(step.pause_s * track.jitter.uniform(least, 1 + SPREAD))


async def _call(course: Course, inference: Inference, track: Track) -> CodelabError | None:
    """One call of a target; how it failed, or `None` for a whole answer."""
    is_retry = course.step.rung == "retry"
    ready = course.attempt()
    target = inference.target = course.target
    call = track.health.begin(target, is_retry=is_retry)
    try:
        error = await attempt.run(ready, inference, track.metrics, track.ticker)
    except asyncio.CancelledError:
        track.health.leave(target, call)
        raise
    if error:
        target.provider.blame(error, ready.sending)
    is_open = track.health.note(target, call, error)
    track.metrics.calls.show_breaker(target, is_open=is_open)
    course.dropped = ready.decoder.dropped
    return error


def _step(error: CodelabError, course: Course, inference: Inference) -> Next:
    """What the plan says of a failure, which is noted; a pause beyond the deadline is the end."""
    inference.note_failure(error)
    step = course.plan.after(error, inference.shown, course.standings())
    return step if step.pause_s < course.seconds_left(is_seen=inference.record.head > 0) else END
