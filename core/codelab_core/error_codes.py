"""The table of error codes: status, close code, whether to try again, the sentence, the classes.

`code` is stable and decides what a caller does; `class` says why and may grow. Tool failures travel
inside tool results, never as an HTTP status, and are in `codelab_core.tool_errors`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

from codelab_core.protocol.frames import CloseCode as Close


class Code(StrEnum):
    """The closed set of error codes."""

    INVALID_FORMAT = "INVALID_FORMAT"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    UNSUPPORTED_VERSION = "UNSUPPORTED_VERSION"
    HELLO_TIMEOUT = "HELLO_TIMEOUT"
    INVALID_REQUEST = "INVALID_REQUEST"
    TOO_LARGE = "TOO_LARGE"
    UNAUTHORIZED = "UNAUTHORIZED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 -- a code, not a secret
    FORBIDDEN = "FORBIDDEN"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    SESSION_CLOSED = "SESSION_CLOSED"
    SESSION_QUARANTINED = "SESSION_QUARANTINED"
    SESSION_EXISTS = "SESSION_EXISTS"
    SESSION_REPLACED = "SESSION_REPLACED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    ALREADY_ANSWERED = "ALREADY_ANSWERED"
    RATE_LIMIT = "RATE_LIMIT"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    UNAVAILABLE = "UNAVAILABLE"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    SLOW_CONSUMER = "SLOW_CONSUMER"
    RESYNC_FAILED = "RESYNC_FAILED"
    PROVIDER_ERROR = "PROVIDER_ERROR"
    PROVIDER_AUTH = "PROVIDER_AUTH"
    PROVIDER_TIMEOUT = "PROVIDER_TIMEOUT"
    MODEL_OUTPUT_INVALID = "MODEL_OUTPUT_INVALID"
    CONTEXT_TOO_LONG = "CONTEXT_TOO_LONG"
    CONTENT_FILTERED = "CONTENT_FILTERED"
    INFERENCE_EXPIRED = "INFERENCE_EXPIRED"
    CANCELLED = "CANCELLED"
    TURN_LIMIT = "TURN_LIMIT"
    TURN_POISONED = "TURN_POISONED"
    STATE_LOST = "STATE_LOST"
    INTERNAL = "INTERNAL"


class Again(Enum):
    """Whether the same request may succeed later."""

    RETRY = True
    FINAL = False


RETRY, FINAL = Again.RETRY, Again.FINAL


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """What one code means everywhere.

    `status` is `None` for codes that never answer an HTTP request, `close` for those that leave a
    socket open. `classes` are the reasons in use, separated by blanks; empty: the code says it all.
    """

    status: int | None
    close: Close | None
    again: Again
    sentence: str
    classes: str = ""


KINDS: Final[Mapping[Code, ErrorKind]] = MappingProxyType(
    {
        Code.INVALID_FORMAT: ErrorKind(
            400, Close.MALFORMED, FINAL, "The frame is not valid.", "json binary field role depth"
        ),
        Code.UNKNOWN_TYPE: ErrorKind(
            None, Close.MALFORMED, FINAL, "This type of frame is unknown."
        ),
        Code.UNSUPPORTED_VERSION: ErrorKind(
            None, Close.VERSION_UNSUPPORTED, FINAL, "This protocol version is not spoken here."
        ),
        Code.HELLO_TIMEOUT: ErrorKind(None, Close.HELLO_TIMEOUT, RETRY, "No hello came in time."),
        Code.INVALID_REQUEST: ErrorKind(
            400,
            None,
            FINAL,
            "The request is not valid.",
            "session_id body tool_declaration invalid_request forbidden_field"
            " ambiguous_body unpaired_tool_call",
        ),
        Code.TOO_LARGE: ErrorKind(
            413, Close.TOO_BIG, FINAL, "This is too large.", "frame body message result arguments"
        ),
        Code.UNAUTHORIZED: ErrorKind(
            401, Close.UNAUTHORIZED, FINAL, "A valid token is needed.", "missing invalid internal"
        ),
        Code.TOKEN_EXPIRED: ErrorKind(401, Close.UNAUTHORIZED, FINAL, "The token has expired."),
        Code.FORBIDDEN: ErrorKind(
            403,
            Close.FORBIDDEN,
            FINAL,
            "This is not allowed.",
            "origin host principal role forbidden_model",
        ),
        Code.SESSION_NOT_FOUND: ErrorKind(
            404, Close.SESSION_UNKNOWN, FINAL, "There is no such session."
        ),
        Code.SESSION_EXPIRED: ErrorKind(
            410, Close.SESSION_UNKNOWN, FINAL, "The session has expired."
        ),
        Code.SESSION_CLOSED: ErrorKind(
            410, Close.SESSION_UNKNOWN, FINAL, "The session was closed."
        ),
        Code.SESSION_QUARANTINED: ErrorKind(
            423, Close.SESSION_UNKNOWN, FINAL, "The session is locked for inspection."
        ),
        Code.SESSION_EXISTS: ErrorKind(409, None, FINAL, "A session with this id exists."),
        Code.SESSION_REPLACED: ErrorKind(
            None, Close.REPLACED, FINAL, "The same client connected again."
        ),
        Code.NOT_FOUND: ErrorKind(
            404,
            None,
            FINAL,
            "There is no such thing.",
            "turn_unknown call_unknown unknown_model inference route",
        ),
        Code.CONFLICT: ErrorKind(
            409,
            None,
            FINAL,
            "This contradicts what was said before.",
            "cid_reused approval_required inference_mismatch buffer_lost",
        ),
        Code.ALREADY_ANSWERED: ErrorKind(
            409,
            None,
            FINAL,
            "This was answered before; the first answer stands.",
            "decision result expired",
        ),
        Code.RATE_LIMIT: ErrorKind(
            429,
            Close.RATE_LIMITED,
            RETRY,
            "Too many requests.",
            "connects messages commands auth queue_full inbox_full rate_limited",
        ),
        Code.QUOTA_EXCEEDED: ErrorKind(429, None, RETRY, "The allowance is used up.", "quota"),
        Code.UNAVAILABLE: ErrorKind(
            503,
            Close.UNAVAILABLE,
            RETRY,
            "The service cannot take this now.",
            "draining overloaded queue agent proxy store_unavailable store_full limits_unavailable",
        ),
        Code.MODEL_UNAVAILABLE: ErrorKind(
            503, None, RETRY, "No provider can answer now.", "no_target"
        ),
        Code.SLOW_CONSUMER: ErrorKind(
            None, Close.SLOW_CONSUMER, RETRY, "The client reads too slowly."
        ),
        Code.RESYNC_FAILED: ErrorKind(
            None, Close.RESYNC_FAILED, RETRY, "No snapshot came in time."
        ),
        Code.PROVIDER_ERROR: ErrorKind(
            502,
            None,
            RETRY,
            "The model's provider failed.",
            "overloaded server_error connect_failed reset cut malformed",
        ),
        Code.PROVIDER_AUTH: ErrorKind(
            502,
            None,
            FINAL,
            "The provider refused the key.",
            "key_invalid key_exhausted key_missing",
        ),
        Code.PROVIDER_TIMEOUT: ErrorKind(
            504,
            None,
            RETRY,
            "The model did not answer in time.",
            "silent slow_first_content stalled deadline",
        ),
        Code.MODEL_OUTPUT_INVALID: ErrorKind(
            502,
            None,
            RETRY,
            "The model's answer could not be used.",
            "tool_call_incomplete empty_answer arguments",
        ),
        Code.CONTEXT_TOO_LONG: ErrorKind(
            400, None, FINAL, "The conversation is too long for the model.", "context_length"
        ),
        Code.CONTENT_FILTERED: ErrorKind(
            422, None, FINAL, "The provider refused the content.", "content_filter"
        ),
        Code.INFERENCE_EXPIRED: ErrorKind(
            410, None, FINAL, "The record of this inference is gone."
        ),
        Code.CANCELLED: ErrorKind(499, None, FINAL, "This was cancelled.", "user interrupt"),
        Code.TURN_LIMIT: ErrorKind(
            None, None, FINAL, "The turn reached its limit.", "steps tokens time"
        ),
        Code.TURN_POISONED: ErrorKind(
            None, None, FINAL, "This turn failed repeatedly and was ended."
        ),
        Code.STATE_LOST: ErrorKind(None, None, FINAL, "The store lost the end of this session."),
        Code.INTERNAL: ErrorKind(
            500, Close.INTERNAL_ERROR, RETRY, "Something went wrong on our side."
        ),
    }
)
