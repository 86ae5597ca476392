"""The frame rules: base types, identifiers, limits, close codes and the handshake.

Owns what commands and events share. Sources: RFC 6455 for close codes below 4000,
docs/protocol.md for the rest.
"""

from enum import IntEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

PROTOCOL_VERSION: Final = 1
SUBPROTOCOL: Final = "codelab.v1"
BEARER_SUBPROTOCOL: Final = "codelab.bearer."
"""Browsers cannot send headers: the token follows this prefix as unpadded base64url."""

MAX_FRAME_BYTES: Final = 1_048_576
MAX_RESULT_BYTES: Final = 512 * 1024
"""A tool result that is longer when encoded travels in parts."""
MAX_PART_CHARS: Final = 384 * 1024
MAX_PARTED_BYTES: Final = 8 * 1024 * 1024
HEARTBEAT_MS: Final = 15_000
SNAPSHOT_MAX_BYTES: Final = 768 * 1024
RECENT_CIDS: Final = 64

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
Epoch = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Cid = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,64}$")]
MessageId = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,64}$")]
CallId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
ClientId = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,64}$")]
Seq = Annotated[int, Field(ge=1)]
Role = Literal["driver", "observer"]
Mode = Literal["plain", "v1"]
Delivery = Literal["queue", "steer", "interrupt"]


class CloseCode(IntEnum):
    """Why the server closed a WebSocket; the number tells the client what to do next."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    BAD_UTF8 = 1007
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    MALFORMED = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SESSION_UNKNOWN = 4404
    VERSION_UNSUPPORTED = 4406
    HELLO_TIMEOUT = 4408
    REPLACED = 4409
    RATE_LIMITED = 4429
    UNAVAILABLE = 4503
    SLOW_CONSUMER = 4508
    RESYNC_FAILED = 4510

    @property
    def is_final(self) -> bool:
        """Whether a client must not come back by itself: it would end the same way."""
        return self in _FINAL_CODES


_FINAL_CODES: Final = frozenset(
    {
        CloseCode.NORMAL,
        CloseCode.MALFORMED,
        CloseCode.UNAUTHORIZED,
        CloseCode.FORBIDDEN,
        CloseCode.SESSION_UNKNOWN,
        CloseCode.VERSION_UNSUPPORTED,
        CloseCode.REPLACED,
    }
)


class Outgoing(BaseModel):
    """Base of what we send: closed and immutable; absent fields are left out, never `null`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def encode(self) -> bytes:
        """UTF-8 JSON of one line, fields in the order of their declaration."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()


class Incoming(BaseModel):
    """Base of what clients send: unknown fields are ignored, types are not coerced."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, populate_by_name=True)

    def given(self) -> dict[str, Any]:
        """The fields that are there, by name; JSON values are shared, not copied."""
        return {
            name: value.given() if isinstance(value, Incoming) else value
            for name, value in self
            if value is not None
        }


class ClientInfo(Incoming):
    """Which installation is speaking; `id` is stable across restarts."""

    id: ClientId
    name: Annotated[str, StringConstraints(max_length=64)] | None = None
    version: Annotated[str, StringConstraints(max_length=64)] | None = None


class ResumePosition(Incoming):
    """The last event that the client has applied."""

    epoch: Annotated[str, StringConstraints(max_length=64)]
    seq: Annotated[int, Field(ge=0)]


class ToolDeclaration(Incoming):
    """A tool beyond the built-in six, run by the client.

    `parameters` is a JSON Schema 2020-12 of an object. `reads` and `writes` name the arguments that
    hold paths; a tool that names none is taken to touch the whole tree. Absent `kind` means that a
    person is asked before each run.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
    description: Annotated[str, StringConstraints(max_length=1024)] = ""
    parameters: dict[str, Any]
    kind: Literal["read", "write", "prompt"] | None = None
    reads: list[str] = []
    writes: list[str] = []
    timeout_ms: Annotated[int, Field(ge=1000, le=3_600_000)] = 120_000


class Hello(Incoming):
    """First frame of a version 1 client."""

    type: Literal["hello"]
    version: int
    client: ClientInfo
    role: Role = "driver"
    resume: ResumePosition | None = None
    tools: Annotated[list[str | ToolDeclaration], Field(max_length=64)] | None = None


class Ack(Incoming):
    """`seq` is the last event applied; cumulative."""

    type: Literal["ack"]
    seq: Annotated[int, Field(ge=0)]


class Auth(Incoming):
    """A fresh token for a connection whose token is about to expire."""

    type: Literal["auth"]
    token: Annotated[str, StringConstraints(min_length=1, max_length=8192)]
    cid: Cid


class Ping(Incoming):
    """Answered by a `pong` with the same `t`."""

    type: Literal["ping"]
    t: str | int | float | bool | None = None


class Limits(Outgoing):
    """What the gateway accepts from this connection."""

    max_frame_bytes: int
    max_user_message_chars: int
    max_queued_messages: int


class ServerInfo(Outgoing):
    """Who answers."""

    name: str = "codelab-gateway"
    version: str


class Welcome(Outgoing):
    """Answer to `hello`. The client is live once it has seen `seq == head`."""

    type: Literal["welcome"] = "welcome"
    version: int = PROTOCOL_VERSION
    session_id: str
    connection_id: str
    epoch: str
    head: int
    replay: Literal["tail", "snapshot", "none"]
    heartbeat_ms: int = HEARTBEAT_MS
    limits: Limits
    server: ServerInfo
    features: list[str] = []


class Ok(Outgoing):
    """The command with this `cid` is durable; its effect follows as events."""

    type: Literal["ok"] = "ok"
    cid: str
    duplicate: bool | None = None
    late: bool | None = None
    noop: bool | None = None
    turn_id: str | None = None
    message_id: str | None = None


class Status(Outgoing):
    """State of the way behind this socket.

    `degraded`: commands are refused for now. `draining`: open the next connection, then leave.
    """

    type: Literal["status"] = "status"
    state: Literal["live", "degraded", "draining"]


class Pong(Outgoing):
    """Answer to a `ping`."""

    type: Literal["pong"] = "pong"
    t: str | int | float | bool | None = None
