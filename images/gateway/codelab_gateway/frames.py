"""Frames from clients: bounds, JSON, the closed union of what may be asked. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import ValidationError

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.commands import (
    CLIENT_FRAME,
    CLIENT_FRAME_TYPES,
    Cancel,
    HitlDecision,
    ToolResult,
    UserMessage,
)
from codelab_core.protocol.frames import PROTOCOL_VERSION, Ack, Auth, Hello, Ping

if TYPE_CHECKING:
    from codelab_core.settings import GatewaySettings

ClientFrame = UserMessage | ToolResult | HitlDecision | Cancel | Ack | Auth | Ping
IGNORED_TYPES: Final = frozenset({"plan_decision", "system_event", "auth"})
"""Frames of older clients that mean nothing here."""
PLAIN_TYPES: Final = CLIENT_FRAME_TYPES - {"ack", "auth"}
PLAIN_FIELDS: Final = frozenset(
    {
        "type",
        "content",
        "message_id",
        "call_id",
        "result",
        "error",
        "decision",
        "modified_arguments",
        "feedback",
        "turn_id",
        "delivery",
        "model",
        "cid",
        "part",
        "chunk",
        "t",
    }
)
"""What a plain frame may say; the other fields of an older client's flat object mean nothing."""

# In valid JSON this meets every string and nothing else; possessive, so that it is linear.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_BRACKETS: Final = b"[]{}"
_NO_BRACKET: Final = bytes(set(range(256)) - set(_BRACKETS))
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@dataclass(frozen=True, slots=True)
class FrameBounds:
    """What a frame may be at most."""

    max_bytes: int
    max_depth: int
    max_message_chars: int
    max_feedback_chars: int

    @classmethod
    def of(cls, settings: "GatewaySettings") -> "FrameBounds":
        """The bounds that the settings name."""
        return cls(
            settings.max_frame_bytes,
            settings.max_json_depth,
            settings.max_user_message_chars,
            settings.max_feedback_chars,
        )


def parse_object(raw: bytes | None, bounds: FrameBounds) -> dict[str, Any]:
    """The JSON object of a frame, without its top-level nulls; of duplicate keys the last counts.

    `None` stands for a binary frame. Raises `TOO_LARGE`/frame, and `INVALID_FORMAT`: binary, json
    (also NaN and lone surrogates), depth.
    """
    if raw is None:
        raise CodelabError(Code.INVALID_FORMAT, "binary", message="Binary frames are not spoken.")
    if len(raw) > bounds.max_bytes:
        raise CodelabError(Code.TOO_LARGE, "frame", max=bounds.max_bytes)
    try:
        frame = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg:  # the parser has a limit of its own, 1,024
            raise _too_deep(bounds) from None
        raise CodelabError(Code.INVALID_FORMAT, "json", message=f"No JSON: {error.msg}.") from None
    if not isinstance(frame, dict):
        raise CodelabError(Code.INVALID_FORMAT, "json", message="The frame is no JSON object.")
    opening = raw.count(b"[") + raw.count(b"{")
    if opening > bounds.max_depth and _depth(raw) > bounds.max_depth:
        raise _too_deep(bounds)
    return {name: value for name, value in frame.items() if value is not None}


def _depth(raw: bytes) -> int:
    """How deep valid JSON is nested. Reads the bytes: to walk the values would take seconds.

    Cost: at most 80 ms for 1 MiB (tests/unit/gateway/test_frames.py).
    """
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKET)
    return max(accumulate(map(_STEPS.__getitem__, brackets)))


def _too_deep(bounds: FrameBounds) -> CodelabError:
    """The refusal of a frame with too many levels."""
    return CodelabError(
        Code.INVALID_FORMAT, "depth", message="The frame is nested too deep.", max=bounds.max_depth
    )


def parse_hello(frame: Mapping[str, Any]) -> Hello:
    """The first frame of a version 1 client.

    Raises `UNSUPPORTED_VERSION` {supported}, whatever else another version may hold, and
    `INVALID_FORMAT`/field.
    """
    version = frame.get("version")
    if isinstance(version, int) and version != PROTOCOL_VERSION:
        raise CodelabError(Code.UNSUPPORTED_VERSION, supported=[PROTOCOL_VERSION])
    try:
        return Hello.model_validate(frame)
    except ValidationError as error:
        raise _bad_field(error) from None


def parse_command(
    frame: Mapping[str, Any], bounds: FrameBounds, *, plain: bool
) -> ClientFrame | None:
    """What the client asks; `None` for frames of older clients that mean nothing.

    Raises `UNKNOWN_TYPE`, `INVALID_FORMAT`/field or /role, `TOO_LARGE`/message.
    """
    kind = frame.get("type")
    if not isinstance(kind, str):
        raise _unknown(kind)
    if plain and kind in IGNORED_TYPES:
        return None
    if plain and kind == "switch_agent" and "content" in frame:
        frame, kind = {**frame, "type": "user_message"}, "user_message"
    if kind not in (PLAIN_TYPES if plain else CLIENT_FRAME_TYPES):
        raise _unknown(kind)
    if kind == "user_message" and frame.get("role", "user") != "user":
        raise CodelabError(Code.INVALID_FORMAT, "role", message="The role must be user.")
    if plain:
        frame = {name: value for name, value in frame.items() if name in PLAIN_FIELDS}
    try:
        command = CLIENT_FRAME.validate_python(frame)
    except ValidationError as error:
        raise _bad_field(error) from None
    _check_lengths(command, bounds)
    return command


def _unknown(kind: object) -> CodelabError:
    """The refusal of a frame of no known type."""
    if kind == "hello":
        return CodelabError(Code.UNKNOWN_TYPE, message="Only the first frame can be hello.")
    shown = repr(kind)[:64] if isinstance(kind, str) else type(kind).__name__
    return CodelabError(Code.UNKNOWN_TYPE, message=f"Unknown type of frame: {shown}.")


def _check_lengths(command: ClientFrame, bounds: FrameBounds) -> None:
    """Texts of people have bounds of their own."""
    match command:
        case UserMessage(content=text) if len(text) > bounds.max_message_chars:
            raise CodelabError(Code.TOO_LARGE, "message", max=bounds.max_message_chars)
        case HitlDecision(feedback=str(text)) if len(text) > bounds.max_feedback_chars:
            raise CodelabError(Code.TOO_LARGE, "message", max=bounds.max_feedback_chars)


def _bad_field(error: ValidationError) -> CodelabError:
    """The first fault of a frame, by name; its value is not repeated."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "frame"
    return CodelabError(Code.INVALID_FORMAT, "field", message=f"{place}: {fault['msg']}")
