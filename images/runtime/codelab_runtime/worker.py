"""Drives one session while this process has its lease: facts in, steps, one commit at a time.

Whatever happens while a commit is under way waits and goes into the next one.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from codelab_core.clock import Clock, random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.observability import SERVICE, SESSION_ID
from codelab_runtime.actions import Actions
from codelab_runtime.answers import Claim, Committed
from codelab_runtime.batch import Batch, merged
from codelab_runtime.commits import Commits
from codelab_runtime.reading import Reader
from codelab_runtime.store import Commit
from codelab_runtime.tails import Tails
from codelab_runtime.turn.facts import Fact, Infer, Resumed, TimerFired
from codelab_runtime.turn.outcomes import next_deadline
from codelab_runtime.turn.state import SessionState
from codelab_runtime.turn.step import step

MAX_CRASHES: Final = 3
RETRY_S: Final = 0.2
MAX_BACKLOG_BYTES: Final = 262_144

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all workers of a process share."""

    commits: Commits
    reader: Reader
    tails: Tails
    actions: Actions
    clock: Clock
    park_after_s: float


class Worker:
    """One claimed session. `run` returns when it has let go of it, or lost it."""

    def __init__(self, session_id: str, claim: Claim, tools: Tools) -> None:
        self.session_id = session_id
        self.fence = claim.fence
        self.state: SessionState | None = None
        self.jn = claim.jn
        self.head = claim.head
        self.epoch = claim.epoch
        self._claim = claim
        self._tools = tools
        self._facts: deque[Fact] = deque()
        self._changed = asyncio.Event()
        self._inbox_due = claim.inn > claim.ic
        self._reading: asyncio.Task[None] | None = None
        self._sent_meta: dict[str, str] = {}

    def tell(self, fact: Fact) -> None:
        """Something happened."""
        self._facts.append(fact)
        self._changed.set()

    def wake(self) -> None:
        """A command may be in the inbox."""
        self._inbox_due = True
        self._changed.set()

    async def run(self, known: SessionState | None) -> None:
        """Drive the session until it rests. `known` is its state from before, where still true.

        Raises `FencedError` when another owner has it, `DivergedError` when the log is not ours.
        """
        SERVICE.set("agent-runtime")
        SESSION_ID.set(self.session_id)
        try:
            self.state = await self._loaded(known)
            self.tell(await self._resumed(self.state))
            while not await self._cycle():
                pass
        finally:
            if self._reading:
                self._reading.cancel()

    async def _loaded(self, known: SessionState | None) -> SessionState:
        """The state at the journal's end."""
        if known is None:
            known, count = await self._tools.reader.state(self.session_id)
            if count != self.jn:
                log.error("journal is not contiguous", extra={"expected": self.jn, "got": count})
        return replace(known, head=self.head, consumed=self._claim.ic)

    async def _resumed(self, state: SessionState) -> Resumed:
        """Where an unfinished answer stands: its text in the log, its position in `cur`."""
        poisoned = self._claim.crashes >= MAX_CRASHES
        turn = state.turn
        name, _, rest = self._claim.cur.partition(" ")
        if turn is None or not turn.asking or name != turn.inference_id:
            return Resumed(poisoned=poisoned)
        chunks, crc = map(int, rest.split())
        events = await self._tools.reader.events(self.session_id, turn.request_seq)
        shown = [
            e["token"] for e in events if e.get("message_id") == turn.answer_id and "token" in e
        ]
        return Resumed("".join(shown), chunks, crc, poisoned=poisoned)

    async def _cycle(self) -> bool:
        """Wait for facts, step through them, commit, act. True when the session was let go."""
        park = await self._wait()
        state = self.state
        if state is None:
            raise RuntimeError("the state was not loaded")
        facts = await self._take()
        batch = Batch(state, self._sent_meta)
        for fact in facts:
            batch.add(step(batch.state, fact, self._tools.actions.rules, self._now_ms()))
        rest = self._rest(batch.state, park=park)
        if batch.is_empty and not rest:
            self.state = batch.state
            return False
        done = await self._commit(batch, rest)
        self.state = batch.state
        self._act(batch)
        if done.more:
            self._inbox_due = True
        return bool(rest) and not done.more

    async def _wait(self) -> bool:
        """Wait for something to do, or the next deadline. True: only a person can go on now."""
        turn = self.state.turn if self.state else None
        if self._facts or self._inbox_due or turn is None or self.state is None:
            return False
        deadline = next_deadline(self.state)
        waits = [self._tools.park_after_s]
        if deadline is not None:
            waits.append((deadline - self._now_ms()) / 1000)
        try:
            async with asyncio.timeout(max(0.0, min(waits))):
                await self._changed.wait()
        except TimeoutError:
            if deadline is None or deadline > self._now_ms():
                return not turn.asking and not turn.computing
            self.tell(TimerFired())
        return False

    async def _take(self) -> list[Fact]:
        """Everything that happened, commands in the order of the inbox."""
        self._changed.clear()
        facts: list[Fact] = []
        if self._inbox_due and self.state:
            self._inbox_due = False
            facts += await self._tools.reader.inbox(self.session_id, self.state.consumed)
        while self._facts and len(facts) < Batch.MAX_FACTS:
            facts.append(self._facts.popleft())
        if self._facts:
            self._changed.set()
        return merged(facts)

    def _rest(self, state: SessionState, *, park: bool) -> str:
        """Whether to let go with this commit: '' no, '0' for good, else until that time."""
        if self._facts or self._inbox_due:
            return ""
        if state.turn is None:
            return "0"
        return str(next_deadline(state) or 0) if park else ""

    async def _commit(self, batch: Batch, rest: str) -> Committed:
        """Make a batch durable; repeated with the same `op` until its outcome is known."""
        events = batch.encoded(self.head)
        commit = Commit(
            session_id=self.session_id,
            fence=self.fence,
            op=random_hex(16),
            head=self.head,
            jn=self.jn,
            consumed=batch.state.consumed,
            rest=rest,
            events=events,
            records=[record.encode() for record in batch.records],
            meta=batch.meta_changes(),
            slots=batch.slots,
        )
        while True:
            try:
                done = await self._tools.commits.submit(commit)
                break
            except CodelabError as error:
                if error.code is not Code.UNAVAILABLE:
                    raise
                await asyncio.sleep(RETRY_S)
        self._sent_meta |= commit.meta
        first, self.head, self.jn = self.head + 1, done.head, done.jn
        tail = self._tools.tails.get(self.session_id)
        if tail and events:
            tail.feed(self.epoch, first, events)
        self._tools.actions.metrics.events.inc(len(events))
        return done

    def _act(self, batch: Batch) -> None:
        """Carry out effects, now that what they follow from is durable."""
        for effect in batch.effects:
            if isinstance(effect, Infer) and self._reading:
                self._reading.cancel()
                self._reading = None
            started = self._tools.actions.carry_out(effect, batch.state, self.fence, self.tell)
            self._reading = started or self._reading

    def _now_ms(self) -> int:
        """Wall time."""
        return self._tools.clock.wall_ms()
