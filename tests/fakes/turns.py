"""Drives the pure turn as a worker would, and keeps what a store would hold of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from codelab_runtime.encoder import encode_events
from codelab_runtime.preparing import Prepared
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.facts import (
    Accepted,
    CallArrived,
    Chunks,
    Computed,
    Effect,
    Fact,
    InferenceEnded,
    Resumed,
    Rules,
    Worked,
)
from codelab_runtime.turn.fold import fold
from codelab_runtime.turn.records import AskedTool, Record
from codelab_runtime.turn.state import SessionState, Turn
from codelab_runtime.turn.step import step

Event = dict[str, Any]

START_MS = 1_000_000
SIX = (
    "read_file",
    "write_file",
    "git.diff",
    "apply_patch",
    "apply_patch_review",
    "prompt_user",
)
DONE: Mapping[str, Any] = {"finish_reason": "stop", "model": "m-1", "provider": "scripted"}


def bare(state: SessionState) -> SessionState:
    """The state without what is not in the journal."""
    turn = state.turn and replace(
        state.turn,
        shown=None,
        shown_chunks=0,
        crc=0,
        held_calls=(),
        held_text=None,
        computing=frozenset(),
        waiting={},
    )
    return replace(state, head=0, consumed=0, turn=turn)


@dataclass
class Session:
    """One session: `log` and `journal` are what was committed, `slots` the table of calls."""

    rules: Rules = field(default_factory=lambda: Rules(plain_tools=SIX))
    state: SessionState = field(default_factory=lambda: SessionState("s1", principal="ann"))
    now_ms: int = START_MS
    log: list[Event] = field(default_factory=list)
    journal: list[Record] = field(default_factory=list)
    slots: dict[str, str] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    commands: int = 0

    def feed(self, fact: Fact) -> Draft:
        """One step, committed; `effects` are those of this step."""
        draft = step(self.state, fact, self.rules, self.now_ms)
        encoded = encode_events(draft.events, len(self.log))
        self.log += map(orjson.loads, encoded)
        self.journal += draft.records
        self.slots |= draft.slots
        self.effects = draft.effects
        self.state = draft.state
        return draft

    def news(self, fact: Fact) -> list[Event]:
        """The events that one fact leads to."""
        before = len(self.log)
        self.feed(fact)
        return self.log[before:]

    def command(self, kind: str, *, late: bool = False, **fields: Any) -> list[Event]:
        """The events that a command leads to."""
        self.commands += 1
        return self.news(Accepted(self.commands, {"type": kind, **fields}, late=late))

    def say(self, text: str = "hello", message_id: str = "u1", **fields: Any) -> list[Event]:
        """A person writes."""
        return self.command("user_message", content=text, message_id=message_id, **fields)

    def attach(self, mode: str = "v1", connection_id: str = "x1", **fields: Any) -> list[Event]:
        """A connection joins, as the driver unless it says otherwise."""
        known = {"client_id": f"client-{connection_id}", "role": "driver", "mode": mode}
        return self.command("attach", connection_id=connection_id, **known | fields)

    def stream(self, text: str, n: int = 1, crc: int = 7) -> list[Event]:
        """The model writes; `n` chunks are read with it."""
        return self.news(Chunks(self.turn.inference_id, text, n, crc))

    def answer(
        self, text: str = "", *calls: tuple[str, Mapping[str, Any]], **done: Any
    ) -> list[Event]:
        """The model gives a whole answer, with these calls."""
        before = len(self.log)
        inference_id, number, step_number = (
            self.turn.inference_id,
            self.turn.number,
            self.turn.step,
        )
        if text:
            self.stream(text)
        for index, (tool, arguments) in enumerate(calls):
            asked = AskedTool(
                call_id=f"c{number}-{step_number}-{index}", tool=tool, arguments=dict(arguments)
            )
            self.feed(CallArrived(inference_id, asked))
        self.feed(InferenceEnded(inference_id, 3, {**DONE, **done}, {"prompt_tokens": 5}))
        return self.log[before:]

    def work_out(self, call_id: str, outcome: Worked | None = None) -> list[Event]:
        """A call was worked out; by default it runs as it was asked for."""
        call = self.turn.call(call_id)
        assert call is not None
        return self.news(Computed(call_id, outcome or Prepared(call.arguments, digest="d")))

    def result(self, call_id: str, *, late: bool = False, **fields: Any) -> list[Event]:
        """A client answers a call."""
        return self.command("tool_result", late=late, call_id=call_id, by="ann", **fields)

    @property
    def turn(self) -> Turn:
        """The running turn."""
        assert self.state.turn is not None
        return self.state.turn

    @property
    def folded(self) -> SessionState:
        """The state that the journal alone leads to."""
        return fold(SessionState("s1", principal="ann"), self.journal)

    def taken_over(self) -> "Session":
        """The same session as a successor finds it, before its first fact."""
        heir = replace(
            self, log=[*self.log], journal=[*self.journal], slots={**self.slots}, effects=[]
        )
        heir.state = replace(self.folded, head=len(self.log), consumed=self.commands)
        return heir

    def resume(self, *, poisoned: bool = False) -> list[Event]:
        """The successor's first fact, made from the log and the position in it."""
        turn = self.state.turn
        shown = ""
        if turn and turn.asking:
            after = self.log[turn.request_seq :]
            shown = "".join(e.get("token", "") for e in after if _is_of(e, turn))
        chunks = 1 if shown else 0
        return self.news(Resumed("ann", shown, chunks, 7 if shown else 0, poisoned=poisoned))


def _is_of(event: Event, turn: Turn) -> bool:
    """Whether an event is text of the answer under way."""
    return bool(event.get("message_id") == turn.answer_id)


def kinds(events: list[Event]) -> list[str]:
    """The types of events, in order."""
    return [event["type"] for event in events]


def bodies(events: list[Event]) -> list[Event]:
    """Events without their numbers."""
    return [{k: v for k, v in event.items() if k != "seq"} for event in events]
