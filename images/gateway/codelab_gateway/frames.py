"""Frames from clients: bounds, JSON, the closed union of what may be asked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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
from codelab_core.protocol.frames import Ack, Auth, Hello, Ping
from codelab_core.settings import GatewaySettings

ClientFrame = UserMessage | ToolResult | HitlDecision | Cancel | Ack | Auth | Ping
IGNORED_TYPES: Final = frozenset({"plan_decision", "system_event", "auth"})
"""Frames of older clients that mean nothing here."""


@dataclass(frozen=True, slots=True)
class FrameBounds:
    """What a frame may be at most."""

    max_bytes: int
    max_depth: int
    max_message_chars: int
    max_feedback_chars: int

    @classmethod
    def of(cls, settings: GatewaySettings) -> "FrameBounds":
        """The bounds that the settings name."""
        return cls(
            settings.max_frame_bytes,
            settings.max_json_depth,
            settings.max_user_message_chars,
            settings.max_feedback_chars,
        )


def parse_object(text: str | None, bounds: FrameBounds) -> dict[str, Any]:
    """The JSON object of a frame, without its top-level nulls; of duplicate keys the last counts.

    `None` stands for a binary frame. Raises `TOO_LARGE`/frame, and `INVALID_FORMAT`: binary, json
    (also NaN and lone surrogates), depth.
    """
    if text is None:
        raise CodelabError(Code.INVALID_FORMAT, "binary", message="Binary frames are not spoken.")
    if len(text) > bounds.max_bytes or len(text.encode("utf-8", "replace")) > bounds.max_bytes:
        raise CodelabError(Code.TOO_LARGE, "frame", max=bounds.max_bytes)
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CodelabError(Code.INVALID_FORMAT, "json", message=f"No JSON: {error.msg}") from None
    if not isinstance(frame, dict):
        raise CodelabError(Code.INVALID_FORMAT, "json", message="The frame is no JSON object.")
    brackets = text.count("[") + text.count("{")
    if brackets > bounds.max_depth and _is_deeper(frame, bounds.max_depth):
        raise CodelabError(Code.INVALID_FORMAT, "depth", max=bounds.max_depth)
    return {name: value for name, value in frame.items() if value is not None}


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether nesting exceeds `limit`; level by level, so no recursion."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def parse_hello(frame: Mapping[str, Any]) -> Hello:
    """The first frame of a version 1 client. Raises `INVALID_FORMAT`/field."""
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
    if plain and kind in IGNORED_TYPES:
        return None
    if plain and kind == "switch_agent" and "content" in frame:
        frame, kind = {**frame, "type": "user_message"}, "user_message"
    if kind not in CLIENT_FRAME_TYPES:
        shown = repr(kind)[:64] if isinstance(kind, str) else type(kind).__name__
        raise CodelabError(Code.UNKNOWN_TYPE, message=f"Unknown type of frame: {shown}.")
    if kind == "user_message" and frame.get("role", "user") != "user":
        raise CodelabError(Code.INVALID_FORMAT, "role", message="The role must be user.")
    if plain and kind != "ping":
        frame = _without_optional_faults(frame)
    try:
        command = CLIENT_FRAME.validate_python(frame)
    except ValidationError as error:
        raise _bad_field(error) from None
    _check_lengths(command, bounds)
    return command


def _without_optional_faults(frame: Mapping[str, Any]) -> dict[str, Any]:
    """A plain frame with only the fields that mean something: the rest is of a flat DTO."""
    known = {
        "type",
        "content",
        "message_id",
        "call_id",
        "result",
        "error",
        "decision",
        "modified_arguments",
        "feedback",
        "cid",
        "part",
        "chunk",
    }
    return {name: value for name, value in frame.items() if name in known}


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
