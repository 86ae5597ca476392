"""Several steps that are committed together: their events, records, slots and effects. Pure."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from codelab_core.protocol.events import Event
from codelab_runtime.encoder import encode_events
from codelab_runtime.turn.draft import MAX_DELTA_CHARS, Draft, TextDelta
from codelab_runtime.turn.facts import Chunks, Effect, Fact
from codelab_runtime.turn.records import Record
from codelab_runtime.turn.state import SessionState

WAIT_MARGIN_MS: Final = 3_600_000
"""A session lives on for some time after the deadline of a question, so that it can be told."""


def merged(facts: Iterable[Fact]) -> list[Fact]:
    """The facts, neighbouring pieces of one inference's text joined up to 16 KiB."""
    found: list[Fact] = []
    for fact in facts:
        last = found[-1] if found else None
        if (
            isinstance(fact, Chunks)
            and isinstance(last, Chunks)
            and last.inference_id == fact.inference_id
            and len(last.text) + len(fact.text) <= MAX_DELTA_CHARS
        ):
            found[-1] = Chunks(fact.inference_id, last.text + fact.text, fact.n, fact.crc)
        else:
            found.append(fact)
    return found


class Batch:
    """What one commit makes durable; `sent_meta` is what the session's hash is known to hold."""

    MAX_FACTS: ClassVar = 64
    """So that a commit stays within 256 events and 1 MiB."""

    def __init__(self, state: SessionState, sent_meta: Mapping[str, str]) -> None:
        self.state = state
        self.events: list[Event | TextDelta] = []
        self.records: list[Record] = []
        self.slots: dict[str, str] = {}
        self.effects: list[Effect] = []
        self._first = state
        self._sent_meta = sent_meta

    def add(self, draft: Draft) -> None:
        """Take one more step, made on the state of the last."""
        self.state = draft.state
        self.events += draft.events
        self.records += draft.records
        self.slots |= draft.slots
        self.effects += draft.effects

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to make durable and nothing to do."""
        made = self.events or self.records or self.slots or self.effects
        return not made and self.state.consumed == self._first.consumed

    def encoded(self, head: int) -> list[bytes]:
        """The events, numbered from the head of the log."""
        return encode_events(self.events, head)

    def meta_changes(self) -> dict[str, str]:
        """Fields of the session's hash that differ from what it holds."""
        return {k: v for k, v in meta(self.state).items() if self._sent_meta.get(k) != v}


def meta(state: SessionState) -> dict[str, str]:
    """What scripts and lists need to know of a session without its journal."""
    turn, driver = state.turn, state.driver
    deadlines = [call.deadline_ms or 0 for call in turn.unsettled] if turn else []
    resting = "closed" if state.closed else "idle"
    fields = {
        "st": "active" if turn else resting,
        "turn": turn.turn_id if turn else "",
        "q": str(len(state.queue)),
        "wait": str(max(deadlines, default=0) + WAIT_MARGIN_MS) if any(deadlines) else "0",
        "drv": driver.mode if driver else "",
        "title": state.title,
        "desc": state.description,
        "model": state.model,
        "n": str(len(state.history)),
        "cur": f"{turn.inference_id} {turn.shown_chunks} {turn.crc}" if turn else "",
    }
    return fields | ({"mt": str(state.updated_ms)} if state.updated_ms else {})
