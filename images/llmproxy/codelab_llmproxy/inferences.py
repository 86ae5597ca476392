"""All inferences of this process: create or attach by id, cancel, forget. One task each."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from codelab_core.clock import Clock, random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy import course
from codelab_llmproxy.catalogue import Catalogue
from codelab_llmproxy.clocks import Sleep, Ticker
from codelab_llmproxy.course import Course, Track
from codelab_llmproxy.health import Health
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.neutral_body import BodyDigest
from codelab_llmproxy.record import LostChunksError
from codelab_llmproxy.shelf import Shelf

SWEEP_S: Final = 1.0
BUSY_RETRY_MS: Final = 1_000
DIGEST_DELAY_S: Final = 0.05
"""The digest of a large body takes milliseconds: not before the first token."""
_WASTED: Final = {"cancelled": "cancel", "orphaned": "detached", "abandoned": "detached"}
"""States that an inference takes before its provider is done."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """An inference and what it was asked with; `task` is gone once it has ended."""

    inference: Inference
    digest: BodyDigest
    task: asyncio.Task[None] | None = None


class Offered(Protocol):
    """Where the models are that can be asked now."""

    @property
    def catalogue(self) -> Catalogue:
        """All of them."""


class Inferences:
    """Owns the tasks: nothing is produced outside of `running`."""

    def __init__(
        self,
        settings: LLMProxySettings,
        offer: Offered,
        metrics: Metrics,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._offer = offer
        self._ticker = Ticker(clock)
        self._track = Track(metrics, self._ticker, clock, sleep)
        self._metrics = metrics
        self._clock = clock
        self._live: dict[str, Entry] = {}
        self._ended: Shelf[Entry] = Shelf(settings.keep_s)
        self._tasks: asyncio.TaskGroup | None = None
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        metrics.count_live(lambda: len(self._live))

    @property
    def health(self) -> Health:
        """How the targets are doing."""
        return self._track.health

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Produce inside of this block; what is live at its end is abandoned."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            sweeper = tasks.create_task(self._sweep_forever())
            ticking = tasks.create_task(self._ticker.run())
            try:
                yield
            finally:
                self._tasks = None
                sweeper.cancel()
                ticking.cancel()
                self._abandon()

    async def drain(self) -> None:
        """Take no new ones, wait for the live ones; those left when the wait ends are abandoned."""
        self._draining = True
        try:
            await self._idle.wait()
        finally:
            self._abandon()

    def open(self, request: InferenceRequest, decoded: dict[str, Any]) -> Inference:
        """The inference of a request: the one with its id, else a new one.

        Raises `CONFLICT` (inference_mismatch, buffer_lost, or a lower fence), `INFERENCE_EXPIRED`,
        `UNAVAILABLE` (draining, queue) and `NOT_FOUND`/unknown_model.
        """
        entry = self._find(request.inference_id) if request.inference_id else None
        if entry is None:
            return self._create(request, decoded)
        if entry.digest.value() != BodyDigest(decoded).value():
            raise CodelabError(Code.CONFLICT, "inference_mismatch")
        entry.inference.check_fence(request.fence)
        _check_position(entry.inference, request)
        return entry.inference

    def find(self, inference_id: str) -> Inference:
        """The inference of an id; raises `NOT_FOUND`/inference."""
        entry = self._find(inference_id)
        if entry is None:
            raise CodelabError(Code.NOT_FOUND, "inference")
        return entry.inference

    def cancel(self, inference_id: str, fence: int | None) -> None:
        """End an inference, or let go of the record of one that has ended; twice does no harm.

        Raises `CONFLICT` for a fence lower than the highest seen.
        """
        entry = self._find(inference_id)
        if entry:
            entry.inference.check_fence(fence)
            entry.inference.cancel("cancelled")
            self._ended.release(inference_id, self._clock.monotonic())

    def sweep(self) -> None:
        """Cancel what nobody has read for `orphan_s`, forget what has expired."""
        now = self._clock.monotonic()
        for entry in [*self._live.values()]:
            idle_since = entry.inference.idle_since
            if idle_since is not None and now - idle_since >= self._settings.orphan_s:
                entry.inference.cancel("orphaned")
        self._ended.sweep(now)

    def _find(self, inference_id: str) -> Entry | None:
        """The inference of an id, live or ended."""
        return self._live.get(inference_id) or self._ended.get(inference_id)

    def _create(self, request: InferenceRequest, decoded: dict[str, Any]) -> Inference:
        """A new inference and its task."""
        tasks = self._admit(request)
        targets = self._offer.catalogue.resolve(request.model, course.affinity_of(request))
        planned = Course(request, targets, self._track)
        inference = Inference(
            request.inference_id or f"i-{random_hex(32)}",
            planned.target,
            self._clock,
            self._on_end,
            detachable=request.inference_id is not None,
        )
        inference.check_fence(request.fence)
        entry = Entry(inference, BodyDigest(decoded))
        self._live[inference.id] = entry
        self._idle.clear()
        entry.task = tasks.create_task(course.run(planned, inference, self._track))
        if inference.detachable:
            asyncio.get_running_loop().call_later(DIGEST_DELAY_S, entry.digest.value)
        return inference

    def _admit(self, request: InferenceRequest) -> asyncio.TaskGroup:
        """Where the task of a new inference goes; raises where there can be none."""
        if request.inference_id and self._ended.is_gone(request.inference_id):
            raise CodelabError(Code.INFERENCE_EXPIRED)
        if request.from_chunk:
            raise CodelabError(Code.CONFLICT, "buffer_lost", have=0)
        if self._draining or self._tasks is None:
            raise CodelabError(Code.UNAVAILABLE, "draining", retry_after_ms=0)
        if len(self._live) >= self._settings.max_live:
            raise CodelabError(Code.UNAVAILABLE, "queue", retry_after_ms=BUSY_RETRY_MS)
        return self._tasks

    def _on_end(self, inference: Inference) -> None:
        """Stop the task where it runs on, keep the record where somebody may come for it."""
        entry = self._live.pop(inference.id)
        if inference.state in _WASTED and entry.task:
            entry.task.cancel()
            unread = inference.record.head - inference.read_to
            self._metrics.count_wasted(_WASTED[inference.state], unread)
        entry.task = None
        now = self._clock.monotonic()
        if inference.detachable and inference.state != "abandoned":
            self._ended.put(inference.id, entry, inference.record.bytes, now)
        if not self._live:
            self._idle.set()
        _log_end(inference, now - inference.began)

    def _abandon(self) -> None:
        """Let go of all that is live."""
        for entry in [*self._live.values()]:
            entry.inference.abandon()

    async def _sweep_forever(self) -> None:
        """Sweep, often enough for the shortest of the times."""
        interval = min(SWEEP_S, self._settings.orphan_s / 4, self._settings.keep_s / 4)
        while True:
            await asyncio.sleep(interval)
            self.sweep()


def _check_position(inference: Inference, request: InferenceRequest) -> None:
    """Whether a reader can go on where it wants to; raises `CONFLICT`/buffer_lost where not."""
    record, position = inference.record, request.from_chunk
    try:
        record.read(position)
        is_same = request.crc is None or record.crc(position) == request.crc
    except LostChunksError as lost:
        raise CodelabError(Code.CONFLICT, "buffer_lost", have=lost.have) from lost
    if not is_same:
        # What the reader has is not what is recorded here: nothing of it counts.
        raise CodelabError(Code.CONFLICT, "buffer_lost", have=0)


def _log_end(inference: Inference, seconds: float) -> None:
    """The one line of an inference."""
    facts = {
        "inference_id": inference.id,
        "model": inference.target.model,
        "provider": inference.target.provider.name,
        "state": inference.state,
        "failures": len(inference.attempts),
        "rescue": inference.rescue,
        "chunks": inference.record.head,
        "duration_ms": round(seconds * 1000),
    }
    log.info("inference ended", extra=facts)
