"""Drives one session while this process has its lease: facts in, steps, one commit at a time.

Whatever happens while a commit is under way waits and goes into the next one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from codelab_core.clock import Clock, random_hex
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.observability import SERVICE, SESSION_ID
from codelab_runtime.accounting import Accounts
from codelab_runtime.actions import Actions
from codelab_runtime.answers import BrokenJournalError, Claim, Committed
from codelab_runtime.backlog import Backlog
from codelab_runtime.batch import Batch, merged
from codelab_runtime.commits import Commits
from codelab_runtime.reading import Reader
from codelab_runtime.store import Commit, Store
from codelab_runtime.tails import Tails
from codelab_runtime.turn.facts import Accepted, Fact, Infer, Resumed, TimerFired
from codelab_runtime.turn.outcomes import next_deadline
from codelab_runtime.turn.state import SessionState
from codelab_runtime.turn.step import step
from codelab_runtime.upkeep import Upkeep

MAX_CRASHES: Final = 3
RETRY_S: Final = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all workers of a process share."""

    store: Store
    commits: Commits
    reader: Reader
    tails: Tails
    actions: Actions
    clock: Clock
    park_after_s: float
    session_ttl_s: int


class Worker:
    """One claimed session. `run` returns when it has let go of it, or lost it."""

    def __init__(self, session_id: str, claim: Claim, tools: Tools) -> None:
        self.session_id = session_id
        self.fence = claim.fence
        self.epoch = claim.epoch
        self.state: SessionState | None = None
        self.jn = claim.jn
        self.head = claim.head
        self._claim = claim
        self._tools = tools
        self._backlog = Backlog()
        self._accounts = Accounts(tools.actions.metrics)
        self._inbox_due = True
        self._upkeep = Upkeep(
            session_id,
            claim.fence,
            tools.store,
            tools.reader,
            tools.clock,
            tools.session_ttl_s,
            tools.clock.monotonic(),
        )
        self._drops_command = claim.crashes > MAX_CRASHES
        self._reading: asyncio.Task[None] | None = None
        self._sent_meta: dict[str, str] = {}

    def wake(self) -> None:
        """A command may be in the inbox."""
        self._inbox_due = True
        self._backlog.changed.set()

    async def run(self, known: SessionState | None) -> SessionState:
        """Drive the session until it rests; its state then.

        `known` is its state from before, where still true. Raises `FencedError` when another owner
        has it, `DivergedError` when its log is not as we left it, `BrokenJournalError`.
        """
        SERVICE.set("agent-runtime")
        SESSION_ID.set(self.session_id)
        try:
            state = await self._loaded(known)
            first: list[Fact] = [await self._resumed(state)]
            if self._claim.crashes:  # a command that waits may be what kills workers: not with it
                state, _ = await self._carry(self._stepped(state, first), "")
                first = []
            while True:
                self.state = state
                park = await self._wait(state)
                batch = self._stepped(state, [*first, *await self._take(state)])
                first = []
                rest = self._rest(batch.state, park=park)
                state, more = await self._carry(batch, rest)
                if rest and not more:
                    return state
        finally:
            if self._reading:
                self._reading.cancel()

    async def _loaded(self, known: SessionState | None) -> SessionState:
        """The state at the journal's end."""
        if known is not None:
            return replace(known, head=self.head, consumed=self._claim.ic)
        read = self._tools.reader.state
        state, count = await answered(lambda: read(self.session_id))
        if count != self.jn:
            raise BrokenJournalError(self.jn, count)
        return replace(state, head=self.head, consumed=self._claim.ic)

    async def _resumed(self, state: SessionState) -> Resumed:
        """Where an unfinished answer stands: its text in the log, its position in `cur`."""
        found = Resumed(self._claim.principal, poisoned=self._claim.crashes >= MAX_CRASHES)
        turn = state.turn
        name, _, position = self._claim.cur.partition(" ")
        if turn is None or not turn.asking or name != turn.inference_id:
            return found
        chunks, crc = map(int, position.split())
        start = turn.request_seq
        events = await answered(lambda: self._tools.reader.events(self.session_id, start))
        shown = [
            e["token"] for e in events if e.get("message_id") == turn.answer_id and "token" in e
        ]
        return replace(found, shown="".join(shown), chunks=chunks, crc=crc)

    async def _wait(self, state: SessionState) -> bool:
        """Wait for something to do, or the next deadline. True: only a person can go on now."""
        turn = state.turn
        if self._backlog or self._inbox_due or turn is None:
            return False
        park_after = self._tools.park_after_s
        deadline = next_deadline(state)
        left = park_after if deadline is None else (deadline - self._now_ms()) / 1000
        try:
            async with asyncio.timeout(max(0.0, min(left, park_after))):
                await self._backlog.changed.wait()
        except TimeoutError:
            if left >= park_after:
                return not turn.asking and not turn.computing
            self._backlog.tell(TimerFired())
        return False

    async def _take(self, state: SessionState) -> list[Fact]:
        """What happened, the commands first, in the order of the inbox."""
        self._backlog.changed.clear()
        commands: list[Accepted] = []
        if self._inbox_due:
            self._inbox_due = False
            commands = await answered(
                lambda: self._tools.reader.inbox(self.session_id, state.consumed, Batch.MAX_FACTS)
            )
            self._inbox_due = self._inbox_due or len(commands) == Batch.MAX_FACTS
        if commands and self._drops_command:
            log.error("command dropped: workers died on it", extra={"n": commands[0].n})
            commands[0] = Accepted(commands[0].n, {"type": "dropped"})
            self._drops_command = False
        return merged([*commands, *self._backlog.take(Batch.MAX_FACTS - len(commands))])

    def _stepped(self, state: SessionState, facts: Iterable[Fact]) -> Batch:
        """All these facts, one step after the other."""
        batch = Batch(state, self._sent_meta)
        for fact in facts:
            batch.add(step(batch.state, fact, self._tools.actions.rules, self._now_ms()))
        return batch

    def _rest(self, state: SessionState, *, park: bool) -> str:
        """Whether to let go with this commit: '' no, '0' for good, else until that time."""
        if self._backlog or self._inbox_due:
            return ""
        if state.turn is None:
            return "0"
        return str(next_deadline(state) or 0) if park else ""

    async def _carry(self, batch: Batch, rest: str) -> tuple[SessionState, bool]:
        """Commit, then act. The state, and whether the store has more commands for it."""
        if batch.is_empty and not rest:
            return batch.state, False
        await self._upkeep.before(batch.records)
        done = await self._commit(batch, rest)
        await self._upkeep.after(batch.records)
        for effect in batch.effects:
            if isinstance(effect, Infer) and self._reading:
                self._reading.cancel()
                self._reading = None
            started = self._tools.actions.carry_out(effect, batch.state, self.fence, self._backlog)
            self._reading = started or self._reading
        self._inbox_due = self._inbox_due or done.more
        return batch.state, done.more

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
        done = await answered(lambda: self._tools.commits.submit(commit))
        self._sent_meta |= commit.meta
        first, self.head, self.jn = self.head + 1, done.head, done.jn
        tail = self._tools.tails.get(self.session_id)
        if tail and events:
            tail.feed(self.epoch, first, events)
        self._accounts.committed(batch.records, len(events), self._tools.clock.monotonic())
        return done

    def _now_ms(self) -> int:
        """Wall time."""
        return self._tools.clock.wall_ms()


async def answered[T](ask: Callable[[], Awaitable[T]]) -> T:
    """The store's answer, however long it is away; should the lease end, a worker is cancelled."""
    while True:
        try:
            return await ask()
        except CodelabError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
        await asyncio.sleep(RETRY_S)
