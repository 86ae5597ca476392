"""One inference: its record, its readers, how it ended. Knows no provider and no HTTP."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.frames import Outgoing
from codelab_core.protocol.inference import (
    DONE,
    ERROR,
    RESTART,
    Done,
    Restart,
    Usage,
    WholeCall,
)
from codelab_core.sse import comment
from codelab_llmproxy.catalogue import Target
from codelab_llmproxy.chunks import Content, Finish, encode
from codelab_llmproxy.faults import error_event
from codelab_llmproxy.plan import Shown
from codelab_llmproxy.record import LostChunksError, Record

State = Literal["live", "done", "failed", "cancelled", "orphaned", "abandoned"]

HEARTBEAT: Final = comment(b"hb")
HEARTBEAT_S: Final = 10.0


class Inference:
    """Appended to by its one producer, followed by any number of readers.

    A reader that leaves only detaches, unless the inference has no id of its caller's
    (`detachable` false): then nobody could come back, and it is cancelled. `target` is who is asked
    now, or has answered; `attempts` are the calls that failed.
    """

    def __init__(
        self,
        inference_id: str,
        target: Target,
        clock: Clock,
        on_end: "Callable[[Inference], None]",
        *,
        detachable: bool,
    ) -> None:
        self.id = inference_id
        self.target = target
        self.detachable = detachable
        self.record = Record(inference_id)
        self.state: State = "live"
        self.usage: Usage | None = None
        self.shown = Shown.NOTHING
        """What readers may have seen since the answer began, the last time."""
        self.fence = 0
        self.read_to = 0
        """How far any reader ever came."""
        self.began = clock.monotonic()
        self.idle_since: float | None = self.began
        """Since when nobody reads; `None` while somebody does."""
        self.attempts: list[dict[str, str | None]] = []
        self._begun_at = 0
        self.rescue: str | None = None
        self._clock = clock
        self._on_end = on_end
        self._readers: set[Reader] = set()

    @property
    def is_live(self) -> bool:
        """Whether more chunks may come."""
        return self.state == "live"

    def check_fence(self, fence: int | None) -> None:
        """Accept a caller's fence and remember the highest; raises `CONFLICT` for a lower one."""
        if fence is not None and fence < self.fence:
            message = "A newer owner of the session has taken over."
            raise CodelabError(Code.CONFLICT, message=message, fence=self.fence)
        self.fence = max(self.fence, fence or 0)

    def append(self, chunk: Content) -> None:
        """Record one chunk and wake the readers. Hot: once per token."""
        if self.state != "live":
            return
        if isinstance(chunk, Usage):
            self.usage = chunk
        else:
            now_shown = Shown.CALLS if isinstance(chunk, WholeCall) else Shown.TEXT
            self.shown = max(self.shown, now_shown)
        self.record.append(*encode(chunk))
        self._wake()

    def note_failure(self, error: CodelabError) -> None:
        """Remember a call that failed; the last event lists all of them."""
        event = error_event(error)
        self.attempts.append(self._attempt(event.class_ or "internal", event.billed))

    def begin_anew(self) -> int:
        """Take back what was shown of the answer, if anything; returns how many chunks it was."""
        if not self.is_live or not self.shown:
            return 0
        taken = self.record.head - self._begun_at
        self.record.append(RESTART, Restart(reason="provider").encode())
        self._begun_at, self.shown, self.usage = self.record.head, Shown.NOTHING, None
        self.rescue = "restart"
        self._wake()
        return taken

    def finish(self, finish: Finish) -> None:
        """End it with a whole answer."""
        calls = [*self.attempts, self._attempt("ok", "yes")]
        done = self._done(finish.reason, attempts=calls, provider_state=finish.provider_state)
        self._end("done", DONE, done)

    def salvage(self, dropped_calls: int) -> None:
        """End it with the whole calls of an answer that broke off."""
        self.rescue = "salvage"
        facts = {"salvaged": True, "dropped_calls": dropped_calls}
        self._end("done", DONE, self._done("tool_calls", **facts))

    def fail(self, error: CodelabError) -> None:
        """End it with an error."""
        event = error_event(error).model_copy(update={"attempts": self.attempts or None})
        self._end("failed", ERROR, event)

    def cancel(self, state: Literal["cancelled", "orphaned"]) -> None:
        """End it by order of its caller, or because nobody reads it any more."""
        self._end(state, DONE, self._done("cancelled"))

    def abandon(self) -> None:
        """End it without a last event: readers come back, and find another replica."""
        if self.is_live:
            self._close("abandoned")

    @contextmanager
    def reader(self, position: int, heartbeat_s: float = HEARTBEAT_S) -> Iterator["Reader"]:
        """A reader from chunk `position` on, attached until the block ends."""
        reader = Reader(self, position, heartbeat_s)
        self._readers.add(reader)
        self.idle_since = None
        try:
            yield reader
        finally:
            reader.close()
            self._readers.discard(reader)
            if not self._readers:
                self._left_alone()

    def _left_alone(self) -> None:
        """The last reader has gone."""
        self.idle_since = self._clock.monotonic()
        if not self.detachable:
            self.cancel("cancelled")

    def _done(self, reason: str, **facts: Any) -> Done:
        """The event of an answer that is over."""
        told = {
            "finish_reason": reason,
            "model": self.target.model,
            "provider": self.target.provider.name,
            "attempts": self.attempts,
            "rescue": self.rescue,
            "warnings": [] if self.record.is_complete else ["not_recorded"],
        }
        return Done.model_validate(told | facts)

    def _attempt(self, outcome: str, billed: str) -> dict[str, str | None]:
        """One call, as the last event lists it."""
        provider, model = self.target.provider.name, self.target.model
        return {"provider": provider, "model": model, "class": outcome, "billed": billed}

    def _end(self, state: State, kind: bytes, event: Outgoing) -> None:
        """Append the last event, once."""
        if self.is_live:
            self.record.append(kind, event.encode())
            self._close(state)

    def _close(self, state: State) -> None:
        """Let the readers go, tell the owner."""
        self.state = state
        self._wake()
        self._on_end(self)

    def _wake(self) -> None:
        """Tell the readers that there is something new."""
        for reader in self._readers:
            reader.wake()


class Reader:
    """Follows one inference; its own pace never holds up the record."""

    __slots__ = ("_beat", "_closed", "_heartbeat_s", "_inference", "_news", "_timer", "position")

    def __init__(self, inference: Inference, position: int, heartbeat_s: float) -> None:
        self.position = position
        self._inference = inference
        self._news = asyncio.Event()
        self._heartbeat_s = heartbeat_s
        self._beat = False
        self._closed = False
        self._timer = asyncio.get_running_loop().call_later(heartbeat_s, self._tick)

    async def frames(self) -> list[bytes]:
        """The next frames, or a heartbeat after silence; empty at the end, and when closed.

        A reader that fell out of the record is at its end too: it finds out when it attaches again.
        """
        while (frames := self._ready()) is None:
            self._news.clear()
            await self._news.wait()
        return frames

    def _ready(self) -> list[bytes] | None:
        """What can be given out now; `None` where there is something to wait for."""
        if self._beat:
            self._beat = False
            return [HEARTBEAT]
        frames = self._unread()
        self.position += len(frames)
        self._inference.read_to = max(self._inference.read_to, self.position)
        is_over = self._closed or not self._inference.is_live
        return frames if frames or is_over else None

    def _unread(self) -> list[bytes]:
        """Frames from the position on; none any more once the reader is closed or has lost some."""
        try:
            return [] if self._closed else self._inference.record.read(self.position)
        except LostChunksError:
            self._closed = True
            return []

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    def close(self) -> None:
        """Stop following; a waiting `frames` returns."""
        self._closed = True
        self._timer.cancel()
        self._news.set()

    def _tick(self) -> None:
        """Keep the connection alive."""
        self._beat = True
        self._news.set()
        self._timer = asyncio.get_running_loop().call_later(self._heartbeat_s, self._tick)
