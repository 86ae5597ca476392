"""What the server tells clients: numbered, immutable events; the union of all server frames.

An event is encoded once, by the runtime, as one line of JSON with `type` and `seq` first; the log
entry, the SSE `data:` line and the WebSocket frame are the same bytes.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue, TypeAdapter

from codelab_core.protocol.frames import Mode, Ok, Outgoing, Pong, Role, Status, Welcome

CallState = Literal["awaiting_approval", "ready"]


class Event(Outgoing):
    """Base of everything in the log; `seq` is contiguous from 1 inside an epoch."""

    type: str
    seq: int | None = None


class ClientAttached(Event):
    """A connection joined; `driver` is the connection that runs tools now."""

    type: Literal["client_attached"] = "client_attached"
    connection_id: str
    client_id: str
    role: Role
    mode: Mode
    driver: str | None = None


class ClientDetached(Event):
    """A connection left."""

    type: Literal["client_detached"] = "client_detached"
    connection_id: str
    client_id: str
    role: Role
    mode: Mode
    driver: str | None = None


class MessageAccepted(Event):
    """What was typed, for the other clients; `turn_id` is absent while the message waits."""

    type: Literal["message_accepted"] = "message_accepted"
    message_id: str
    content: str
    delivery: str
    cid: str | None = None
    turn_id: str | None = None


class TurnStarted(Event):
    """The agent began to work on a message."""

    type: Literal["turn_started"] = "turn_started"
    turn_id: str
    message_id: str
    model: str | None = None


class AssistantMessage(Event):
    """A delta of the answer; `token` and `content` are equal.

    `is_final` is true once, at the end of the turn, where the text may be empty.
    """

    type: Literal["assistant_message"] = "assistant_message"
    turn_id: str
    message_id: str
    token: str
    content: str
    is_final: bool


class MessageRetracted(Event):
    """Clients remove what they showed of this message."""

    type: Literal["message_retracted"] = "message_retracted"
    message_id: str
    turn_id: str | None = None
    reason: Literal["regenerated", "cancelled"]
    replaced_by: str | None = None


class ToolCall(Event):
    """The model asks for one tool run; a `tool_result` with the same `call_id` answers it."""

    type: Literal["tool_call"] = "tool_call"
    turn_id: str
    message_id: str
    call_id: str
    tool_name: str
    arguments: dict[str, JsonValue]
    requires_approval: bool
    digest: str
    origin: Literal["model", "runtime"] = "model"
    reason: str | None = None
    timeout_ms: int | None = None
    guard: dict[str, Any] | None = None
    review: dict[str, Any] | None = None


class ToolResolved(Event):
    """A call was decided or answered; dialogs for it close. Edited calls name what really runs."""

    type: Literal["tool_resolved"] = "tool_resolved"
    turn_id: str
    call_id: str
    phase: Literal["decision", "result"]
    outcome: Literal[
        "approved", "edited", "rejected", "completed", "failed", "timed_out", "cancelled"
    ]
    by: str | None = None
    arguments: dict[str, JsonValue] | None = None
    guard: dict[str, Any] | None = None
    digest: str | None = None
    code: str | None = None


class TurnUsage(Outgoing):
    """What a turn used; token counts are absent where no provider reported them."""

    inferences: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    tool_calls: int
    duration_ms: int


class TextDigest(Outgoing):
    """Length in characters and SHA-256 of the UTF-8 text of one whole message."""

    message_id: str
    chars: int
    sha256: str


class ErrorSummary(Outgoing):
    """Why a turn failed."""

    code: str
    class_: Annotated[str | None, Field(alias="class")] = None
    message: str


class TurnCompleted(Event):
    """The turn is over."""

    type: Literal["turn_completed"] = "turn_completed"
    turn_id: str
    reason: Literal["completed", "cancelled", "interrupted", "failed", "limit"]
    model: str | None = None
    provider: str | None = None
    usage: TurnUsage
    digests: list[TextDigest] = []
    error: ErrorSummary | None = None


class ErrorFrame(Event):
    """A failure: an event when it concerns a turn, else a frame of one connection.

    `content` equals `message`: older clients show that field.
    """

    type: Literal["error"] = "error"
    code: str
    class_: Annotated[str | None, Field(alias="class")] = None
    message: str
    content: str
    retryable: bool
    retry_after_ms: int | None = None
    details: dict[str, JsonValue] | None = None
    cid: str | None = None
    call_id: str | None = None
    turn_id: str | None = None


class Snapshot(Outgoing):
    """What a client shows of a session at one position, without the events before it.

    `session` has the shape of `SessionView`; a tool call has all its frame's fields and `state`.
    """

    session: dict[str, Any]
    messages: list[dict[str, Any]]
    turn: dict[str, Any] | None = None
    tool_calls: list[dict[str, Any]] = []
    queue: list[dict[str, Any]] = []
    cids: list[str] = []
    driver: str | None = None
    truncated: bool = False


class Resync(Outgoing):
    """A fresh start for one client: forget what was shown, show `snapshot`, go on after `seq`."""

    type: Literal["resync"] = "resync"
    epoch: str
    seq: int
    reason: Literal["first_attach", "epoch_changed", "trimmed", "ahead"]
    snapshot: Snapshot


class SessionSnapshot(Event):
    """First event of an epoch that follows another."""

    type: Literal["session_snapshot"] = "session_snapshot"
    snapshot: Snapshot


LogEvent = (
    ClientAttached
    | ClientDetached
    | MessageAccepted
    | TurnStarted
    | AssistantMessage
    | MessageRetracted
    | ToolCall
    | ToolResolved
    | TurnCompleted
    | ErrorFrame
    | SessionSnapshot
)
ServerFrame = LogEvent | Welcome | Ok | Resync | Status | Pong

LOG_EVENT: Final[TypeAdapter[LogEvent]] = TypeAdapter(
    Annotated[LogEvent, Field(discriminator="type")]
)
SERVER_FRAME: Final[TypeAdapter[ServerFrame]] = TypeAdapter(
    Annotated[ServerFrame, Field(discriminator="type")]
)
