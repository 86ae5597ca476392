"""What a client may ask for: the closed union of client → gateway frames after the handshake.

Values that we only pass on are `Any`: they come from a JSON parser, and to look at each part of a
hostile 1 MiB value once more would hold up everybody else.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from codelab_core.protocol.frames import Ack, Auth, CallId, Cid, Delivery, Incoming, MessageId, Ping

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class UserMessage(Incoming):
    """What the person typed.

    `queue`: own turn after the running one; `steer`: joins the running one; `interrupt`: ends it.
    """

    type: Literal["user_message"]
    content: Annotated[str, StringConstraints(min_length=1)]
    role: Literal["user"] | None = None
    message_id: MessageId | None = None
    cid: Cid | None = None
    delivery: Delivery = "queue"
    model: ModelName | None = None


class ErrorObject(Incoming):
    """Why a tool failed, as the client reports it; codes are those of docs/tools.md."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    message: Annotated[str, StringConstraints(max_length=4000)] = ""
    details: dict[str, Any] = {}


class ResultPart(Incoming):
    """Place of one piece of a large result; pieces are numbered from 0."""

    index: Annotated[int, Field(ge=0)]
    last: bool


class ToolResult(Incoming):
    """Outcome of a tool call.

    A non-null `error` wins over `result`; neither means success without data.
    """

    type: Literal["tool_result"]
    call_id: CallId
    result: Any = None
    error: str | ErrorObject | None = None
    tool_name: str | None = None
    cid: Cid | None = None
    part: ResultPart | None = None
    chunk: str | None = None

    @model_validator(mode="after")
    def _chunk_with_part(self) -> "ToolResult":
        """A piece has both its place and its text."""
        if (self.part is None) != (self.chunk is None):
            raise ValueError("part and chunk belong together")
        return self


class HitlDecision(Incoming):
    """The person's answer to a call that requires approval; `edit` needs `modified_arguments`."""

    type: Literal["hitl_decision"]
    call_id: CallId
    decision: Literal["approve", "edit", "reject"]
    modified_arguments: dict[str, Any] | None = None
    feedback: str | None = None
    cid: Cid | None = None

    @model_validator(mode="after")
    def _edit_with_arguments(self) -> "HitlDecision":
        """An edit says what to run instead."""
        if self.decision == "edit" and self.modified_arguments is None:
            raise ValueError("decision edit needs modified_arguments")
        return self


class Cancel(Incoming):
    """Ends the running turn (or the one named), or drops a queued message."""

    type: Literal["cancel"]
    turn_id: str | None = None
    message_id: MessageId | None = None
    cid: Cid | None = None


Command = UserMessage | ToolResult | HitlDecision | Cancel
ClientFrame = Annotated[Command | Ack | Auth | Ping, Field(discriminator="type")]

CLIENT_FRAME: Final[TypeAdapter[Command | Ack | Auth | Ping]] = TypeAdapter(ClientFrame)
CLIENT_FRAME_TYPES: Final = frozenset(
    {"user_message", "tool_result", "hitl_decision", "cancel", "ack", "auth", "ping"}
)
