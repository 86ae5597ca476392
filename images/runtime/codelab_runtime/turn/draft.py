"""One step under construction: what it will commit, and what it will do afterwards."""

from dataclasses import dataclass, field
from typing import Final

from codelab_core.protocol.events import Event
from codelab_runtime.turn.facts import Effect, Rules
from codelab_runtime.turn.fold import apply
from codelab_runtime.turn.records import Record
from codelab_runtime.turn.state import SessionState, Turn
from codelab_runtime.turn.values import changed

MAX_DELTA_CHARS: Final = 16_384
"""Text of one event: it is there twice, and a character may take six bytes."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of an assistant message, encoded without the general way: one per token is common."""

    turn_id: str
    message_id: str
    text: str
    is_final: bool = False


@dataclass(slots=True)
class Draft:
    """The state so far, what to commit, what to do once the commit has returned.

    Events have no `seq` yet: they get those that follow the head. `slots` are pairs for the store's
    table of calls.
    """

    state: SessionState
    rules: Rules
    now_ms: int
    events: list[Event | TextDelta] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    slots: dict[str, str] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)

    @property
    def turn(self) -> Turn:
        """The running turn as it is now. Raises `LookupError` where there is none."""
        if self.state.turn is None:
            raise LookupError("no turn is running")
        return self.state.turn

    def record(self, record: Record) -> None:
        """Journal a record and let it change the state."""
        self.records.append(record)
        self.state = apply(record, self.state)

    def emit(self, event: Event | TextDelta) -> None:
        """Tell the clients."""
        self.events.append(event)
        self.state = changed(self.state, head=self.state.head + 1)

    def show(self, turn_id: str, message_id: str, text: str) -> None:
        """Tell the clients a piece of an answer, in as many events as it takes."""
        for start in range(0, len(text), MAX_DELTA_CHARS):
            self.emit(TextDelta(turn_id, message_id, text[start : start + MAX_DELTA_CHARS]))

    def after(self, effect: Effect) -> None:
        """Do this when everything here is durable."""
        self.effects.append(effect)
