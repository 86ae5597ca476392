"""The state of one session: immutable values, changed only by `fold.apply`.

Fields marked volatile are not in the journal: a successor restores them from the event log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from codelab_core.patch.model import AppliedHunk
from codelab_core.protocol.frames import Delivery, Mode, Role
from codelab_runtime.files import KnownFile
from codelab_runtime.preparing import GuardedFiles, Prepared
from codelab_runtime.turn.records import AskedTool, Outcome
from codelab_runtime.turn.values import changed

Tools = tuple[str | Mapping[str, Any], ...]
"""Names of built-in tools and declarations of others, as a client gives them."""

Rope = tuple[Any, str] | None
"""Text under growth: the text before, and the last piece; appending never copies."""


def joined(rope: Rope) -> str:
    """The text of a rope."""
    pieces = []
    while rope is not None:
        rope, piece = rope
        pieces.append(piece)
    return "".join(reversed(pieces))


@dataclass(frozen=True, slots=True)
class Connection:
    """A live WebSocket, as the runtime knows it."""

    connection_id: str
    client_id: str
    role: Role
    mode: Mode
    tools: Tools


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message that waits for its turn, or for the next inference of this one."""

    message_id: str
    text: str
    delivery: Delivery
    model: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the history, as the model will see it again.

    A `note` is ours, not the person's: it tells the model what no other message can.
    """

    role: Literal["user", "assistant", "tool", "note"]
    turn: int
    at_ms: int
    message_id: str
    content: str = ""
    calls: tuple[AskedTool, ...] = ()
    call_id: str = ""
    body: Mapping[str, Any] | None = None
    provider_state: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said about a call, before it is known what follows."""

    kind: Literal["review", "edit"]
    given: Mapping[str, Any]
    by: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of the current step.

    `planned`: asked for, held back. `split`: done by other calls, whose `parent` it is. `open`: in
    the log, waits for an answer (or for a decision first). `settled`: has its one outcome, which is
    a `fault` {code, message, details} for a write of a patch that failed.
    """

    call_id: str
    tool: str
    arguments: Mapping[str, Any]
    phase: Literal["planned", "split", "open", "settled"] = "planned"
    origin: Literal["model", "runtime"] = "model"
    requires_approval: bool = False
    digest: str = ""
    guard: Mapping[str, Any] | None = None
    review: Mapping[str, Any] | None = None
    seq: int = 0
    timeout_ms: int | None = None
    delivered: bool = False
    deadline_ms: int | None = None
    outcome: Outcome | None = None
    edited: bool = False
    answer: Answer | None = None
    parent: str = ""
    fault: Mapping[str, Any] | None = None

    @property
    def awaits_decision(self) -> bool:
        """Whether a person must decide before it may run."""
        return self.phase == "open" and self.requires_approval


@dataclass(frozen=True, slots=True)
class Turn:
    """One user message until the agent rests.

    `calls` are those of the current step; `reviews` are the diffs that a person picked, by the call
    that asked, each good for one `apply_patch` without further question. `asked_tools` are those
    that the driver had when the model was asked: a successor makes the same request from them, and
    the calls of the answer are judged by them. `None`: there was no driver. Each of the `squeezes`
    halves what a request may take, after a provider called one too long. `patch_failures` counts
    misplaced patches by path, `forgiven` those of them before the file was last read.
    """

    number: int
    message_id: str
    text: str
    model: str
    started_ms: int
    step: int = 0
    gen: int = 0
    retracted: int = 0
    inference_id: str = ""
    request_seq: int = 0
    asking: bool = False
    asked_tools: Tools | None = None
    calls: tuple[Call, ...] = ()
    inferences: int = 0
    tool_calls: int = 0
    usage: Mapping[str, int] = field(default_factory=dict)
    answered_by: str = ""
    provider: str = ""
    digests: tuple[tuple[str, int, str], ...] = ()
    patch_failures: Mapping[str, int] = field(default_factory=dict)
    forgiven: Mapping[str, int] = field(default_factory=dict)
    bad_arguments: int = 0
    squeezes: int = 0
    reviews: Mapping[str, str] = field(default_factory=dict)
    shown: Rope = None  # volatile
    shown_chunks: int = 0  # volatile: chunks of the inference that are shown
    crc: int = 0  # volatile: CRC-32 of the data of those chunks
    held_calls: tuple[AskedTool, ...] = ()  # volatile: calls of an answer that has not ended
    held_text: Rope = None  # volatile: text after the first of them, shown when the answer ends
    computing: frozenset[str] = frozenset()  # volatile: calls that are being worked out
    waiting: Mapping[str, Prepared] = field(default_factory=dict)  # volatile: for their question

    @property
    def turn_id(self) -> str:
        """`t<turn>`."""
        return f"t{self.number}"

    @property
    def answer_id(self) -> str:
        """Id of the assistant message of the current step: `m<turn>-<step>-<retracted before>`."""
        return f"m{self.number}-{self.step}-{self.retracted}"

    @property
    def unsettled(self) -> tuple[Call, ...]:
        """Calls that still have no outcome, in model order."""
        return tuple(call for call in self.calls if call.phase != "settled")

    def call(self, call_id: str) -> Call | None:
        """The call of that id in the current step."""
        return next((call for call in self.calls if call.call_id == call_id), None)


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything the runtime knows of a session.

    `head` is the seq of the last event, `consumed` the last inbox entry taken; both are kept by the
    store beside the journal. `notes` join the history with the next request: between a call and its
    result they would part the two.
    """

    session_id: str
    principal: str = ""
    head: int = 0  # volatile
    consumed: int = 0  # volatile
    connections: tuple[Connection, ...] = ()
    history: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()
    queue: tuple[QueuedMessage, ...] = ()
    turns: int = 0
    turn: Turn | None = None
    files: Mapping[str, KnownFile] = field(default_factory=dict)
    applied: tuple[AppliedHunk, ...] = ()
    known_diffs: Mapping[str, GuardedFiles] = field(default_factory=dict)
    closed: bool = False
    title: str = ""
    description: str = ""
    model: str = ""
    updated_ms: int = 0

    @property
    def driver(self) -> Connection | None:
        """The connection that runs tools: the newest one that is not an observer."""
        drivers = (item for item in reversed(self.connections) if item.role == "driver")
        return next(drivers, None)

    @property
    def steering(self) -> tuple[QueuedMessage, ...]:
        """Messages that join the running turn before its next inference."""
        return tuple(item for item in self.queue if item.delivery == "steer")

    def connection(self, connection_id: str | None) -> Connection | None:
        """The live connection of that id."""
        found = (item for item in self.connections if item.connection_id == connection_id)
        return next(found, None)


def with_turn(state: SessionState, **changes: Any) -> SessionState:
    """The state with fields of its running turn changed; without a turn, nothing changes."""
    return changed(state, turn=changed(state.turn, **changes)) if state.turn else state


def with_call(state: SessionState, call_id: str, **changes: Any) -> SessionState:
    """The state with fields of one call of the running turn changed."""
    calls = state.turn.calls if state.turn else ()
    return with_turn(
        state, calls=tuple(changed(c, **changes) if c.call_id == call_id else c for c in calls)
    )
