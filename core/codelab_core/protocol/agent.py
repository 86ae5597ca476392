"""The hop between gateway and runtime: bodies and answers of the `/agent/…` routes, session views.

Bodies are read leniently (unknown fields ignored); a caller that never repeats needs no `cid`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from codelab_core.protocol.commands import Cancel, HitlDecision, ToolResult, UserMessage
from codelab_core.protocol.events import Snapshot
from codelab_core.protocol.frames import (
    CallId,
    Cid,
    ClientId,
    Incoming,
    MessageId,
    Mode,
    Outgoing,
    Role,
    SessionId,
    ToolDeclaration,
)
from codelab_core.protocol.inference import ModelInfo

ConnectionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
AnyCommand = Annotated[
    UserMessage | ToolResult | HitlDecision | Cancel, Field(discriminator="type")
]


class CommandBody(Incoming):
    """What every command has; `client_id` scopes the `cid`."""

    session_id: SessionId
    cid: Cid | None = None
    client_id: ClientId = "internal"
    connection_id: ConnectionId | None = None


class MessageBody(CommandBody):
    """`POST /agent/message`: any client command, usually a `user_message`."""

    message: AnyCommand


class ToolResultBody(CommandBody):
    """`POST /agent/tool_result`."""

    call_id: CallId
    result: JsonValue = None
    error: JsonValue = None
    part: JsonValue = None
    chunk: str | None = None


class DecisionBody(CommandBody):
    """`POST /agent/decision`."""

    call_id: CallId
    decision: Literal["approve", "edit", "reject"]
    modified_arguments: dict[str, JsonValue] | None = None
    feedback: str | None = None


class CancelBody(CommandBody):
    """`POST /agent/cancel`."""

    turn_id: str | None = None
    message_id: MessageId | None = None


class AttachBody(Incoming):
    """`POST /agent/attach`: a connection joins; `create` false refuses an unknown session.

    `tools` absent means the setting `plain_tools` for a plain connection, the six for version 1.
    """

    session_id: SessionId
    connection_id: ConnectionId
    client_id: ClientId
    role: Role
    mode: Mode
    tools: Annotated[list[str | ToolDeclaration], Field(max_length=64)] | None = None
    create: bool = True


class DetachBody(Incoming):
    """`POST /agent/detach`: a connection left."""

    session_id: SessionId
    connection_id: ConnectionId


class AckBody(Incoming):
    """`POST /agent/ack`: the last event that a connection has applied."""

    session_id: SessionId
    connection_id: ConnectionId
    seq: Annotated[int, Field(ge=0)]


class Accepted(Outgoing):
    """Answer to a message: it is durable and will run. `echo` repeats the text."""

    status: Literal["accepted"] = "accepted"
    echo: str
    session_id: str
    cid: str
    message_id: str
    turn_id: str | None = None
    duplicate: bool = False


class ResultReceived(Outgoing):
    """Answer to a tool result; `late`: the call had already ended, the model is told so."""

    status: Literal["received"] = "received"
    call_id: str
    duplicate: bool = False
    late: bool = False


class DecisionAccepted(Outgoing):
    """Answer to a decision."""

    status: Literal["accepted"] = "accepted"
    call_id: str
    outcome: str
    duplicate: bool = False


class CancelAccepted(Outgoing):
    """Answer to a cancel; `noop`: there was nothing to cancel."""

    status: Literal["accepted"] = "accepted"
    turn_id: str | None = None
    noop: bool = False


class Attached(Outgoing):
    """Answer to attach and detach: where the log stands."""

    status: Literal["accepted"] = "accepted"
    epoch: str
    head: int


class SessionView(Outgoing):
    """One session as REST shows it; `id` equals `session_id`. Times are RFC 3339 UTC."""

    id: str
    session_id: str
    title: str
    description: str | None = None
    message_count: int
    created_at: str
    updated_at: str
    last_activity: str
    current_agent: str = "codelab"
    is_active: bool
    state: str
    model: str | None = None
    epoch: str
    head: int


class SessionList(Outgoing):
    """Newest activity first; `total` counts all sessions of the principal, not the page."""

    sessions: list[SessionView]
    total: int


class SessionCreate(Incoming):
    """`POST /sessions`; an empty body makes a session with a new id."""

    session_id: SessionId | None = None
    title: Annotated[str, Field(max_length=200)] | None = None
    model: Annotated[str, Field(max_length=128)] | None = None


class SessionPatch(Incoming):
    """`PATCH /sessions/{id}`; absent fields stay."""

    title: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    model: Annotated[str, Field(max_length=128)] | None = None


class History(Outgoing):
    """Messages, oldest first: one item per text and per tool call; no `content` where none."""

    session_id: str
    messages: list[dict[str, Any]]
    message_count: int
    last_activity: str
    current_agent: str = "codelab"
    agent_history: list[dict[str, Any]] = []


class PendingApprovals(Outgoing):
    """Calls that wait for a person's decision."""

    session_id: str
    pending_approvals: list[dict[str, Any]]
    count: int


class UsageList(Outgoing):
    """What the inferences of a session used, oldest first."""

    requests: list[dict[str, Any]]
    total_tokens: int
    total_duration_ms: int


class SnapshotView(Outgoing):
    """What a client shows of a session now, and the position that it stands for."""

    epoch: str
    seq: int
    snapshot: Snapshot


class ModelList(Outgoing):
    """Models that can be asked for; `default` is the one of sessions that name none."""

    models: list[ModelInfo]
    default: str
