"""The journal: what must be known to continue a session after any crash.

The state of a session is the fold of these records and nothing else; text that is still
streaming is in the event log, its position in the session's `cur`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue, TypeAdapter

from codelab_core.protocol.frames import Delivery, Mode, Outgoing, Role

Outcome = Literal["completed", "failed", "timed_out", "rejected", "cancelled"]
TurnReason = Literal["completed", "cancelled", "interrupted", "failed", "limit"]


class SessionOpened(Outgoing):
    """First record of every session."""

    rec: Literal["session_opened"] = "session_opened"
    principal: str
    schema_version: int = 1


class Attached(Outgoing):
    """A connection joined; `tools` are names of built-in tools and declarations of others."""

    rec: Literal["attached"] = "attached"
    connection_id: str
    client_id: str
    role: Role
    mode: Mode
    tools: list[str | dict[str, Any]]


class Detached(Outgoing):
    """A connection left."""

    rec: Literal["detached"] = "detached"
    connection_id: str


class Queued(Outgoing):
    """A message waits for its turn, or, steering, for the next inference of the running one."""

    rec: Literal["queued"] = "queued"
    message_id: str
    text: str
    delivery: Delivery
    model: str | None = None
    at_ms: int


class Dropped(Outgoing):
    """A queued message was taken back."""

    rec: Literal["dropped"] = "dropped"
    message_id: str


class Renamed(Outgoing):
    """Title, description or model of the session changed; absent fields stay."""

    rec: Literal["renamed"] = "renamed"
    title: str | None = None
    description: str | None = None
    model: str | None = None


class TurnStarted(Outgoing):
    """Work on a message began; the message leaves the queue if it was there."""

    rec: Literal["turn_started"] = "turn_started"
    turn: int
    message_id: str
    text: str
    model: str
    at_ms: int


class LlmRequested(Outgoing):
    """An inference was asked for; `seq` is the head of the log at that moment.

    Queued messages that steer join the history here.
    """

    rec: Literal["llm_req"] = "llm_req"
    step: int
    gen: int
    retracted: int = 0
    squeezes: int = 0
    inference_id: str
    seq: int
    at_ms: int


class AskedTool(Outgoing):
    """A tool call as the model made it."""

    call_id: str
    tool: str
    arguments: dict[str, JsonValue]


class LlmDone(Outgoing):
    """An inference ended well; the calls that it asks for are planned with it."""

    rec: Literal["llm_done"] = "llm_done"
    message_id: str
    text: str
    calls: list[AskedTool] = []
    finish: str
    chunks: int
    model: str
    provider: str
    provider_state: str | None = None
    usage: dict[str, int] = {}
    at_ms: int


class LlmRetracted(Outgoing):
    """What was shown of an answer is void; the next one has another message id."""

    rec: Literal["llm_retracted"] = "llm_retracted"
    message_id: str
    reason: Literal["regenerated", "cancelled"]


class ToolReleased(Outgoing):
    """A call went to the clients, with what really is to run.

    `seq` is its event. Calls of the runtime itself (`origin` runtime) are planned by this record.
    """

    rec: Literal["tool_released"] = "tool_released"
    call_id: str
    tool: str
    arguments: dict[str, JsonValue]
    digest: str
    requires_approval: bool
    seq: int
    origin: Literal["model", "runtime"] = "model"
    guard: dict[str, Any] | None = None
    review: dict[str, Any] | None = None
    timeout_ms: int | None = None


class ToolDelivered(Outgoing):
    """The driver has the call; its time runs. `deadline_ms` absent: no limit."""

    rec: Literal["tool_delivered"] = "tool_delivered"
    call_id: str
    deadline_ms: int | None = None


class Answered(Outgoing):
    """A person answered a review or edited a call; what follows from it is worked out."""

    rec: Literal["answered"] = "answered"
    call_id: str
    kind: Literal["review", "edit"]
    given: dict[str, JsonValue]
    by: str | None = None


class Reopened(Outgoing):
    """An answer could not be used; the call waits for another one."""

    rec: Literal["reopened"] = "reopened"
    call_id: str


class Decided(Outgoing):
    """A person decided about a call; an edit says what runs instead."""

    rec: Literal["approval"] = "approval"
    call_id: str
    decision: Literal["approved", "edited", "rejected"]
    by: str | None = None
    feedback: str | None = None
    arguments: dict[str, JsonValue] | None = None
    guard: dict[str, Any] | None = None
    digest: str | None = None
    deadline_ms: int | None = None


class ToolSettled(Outgoing):
    """The one outcome of a call, body in full; `reviewed` is the diff that a review picked."""

    rec: Literal["tool_result"] = "tool_result"
    call_id: str
    outcome: Outcome
    body: dict[str, JsonValue]
    by: str | None = None
    code: str | None = None
    reviewed: str | None = None
    at_ms: int


class LateResult(Outgoing):
    """A result that came after the call had ended; the model is told with the next request."""

    rec: Literal["late_result"] = "late_result"
    call_id: str
    body: dict[str, JsonValue]
    at_ms: int


class TurnDone(Outgoing):
    """The turn ended; `text` is what was shown of an answer that stayed unfinished."""

    rec: Literal["turn_done"] = "turn_done"
    turn: int
    reason: TurnReason
    code: str | None = None
    text: str = ""
    at_ms: int


class SessionClosed(Outgoing):
    """Nothing more happens in this session."""

    rec: Literal["session_closed"] = "session_closed"


Record = (
    SessionOpened
    | Attached
    | Detached
    | Queued
    | Dropped
    | Renamed
    | TurnStarted
    | LlmRequested
    | LlmDone
    | LlmRetracted
    | ToolReleased
    | ToolDelivered
    | Answered
    | Reopened
    | Decided
    | ToolSettled
    | LateResult
    | TurnDone
    | SessionClosed
)

RECORD: Final[TypeAdapter[Record]] = TypeAdapter(Annotated[Record, Field(discriminator="rec")])
