"""What providers say when they refuse, as errors of our table. Pure.

The same rules judge a status with its body and an error inside a stream that began with 200.
Sources: error pages of the API references of OpenAI and Anthropic, Ollama's API document.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from codelab_core.error_codes import KINDS, Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.plan import ASKED_WAIT
from codelab_llmproxy.redaction import redact

MAX_WAIT_MS: Final = 60_000
DEFAULT_WAIT_MS: Final = 5_000
_SCAN_CHARS: Final = 20_000
_TOO_LONG: Final = re.compile(
    r"context.?length|maximum context|context.?window|prompt is too long|input is too long"
    r"|too many (input )?tokens|exceeds? the (available )?context|reduce the length"
    r"|request_too_large|input length and `?max_tokens",
    re.IGNORECASE,
)
_FILTERED: Final = re.compile(
    r"content.?filter|content.?policy|policy_violation|responsible.?ai|safety system|moderation",
    re.IGNORECASE,
)
_NO_MONEY: Final = re.compile(
    r"insufficient.?(quota|balance|credit|funds)|billing|credit balance|exceeded your current quota"
    r"|payment required",
    re.IGNORECASE,
)
_STATUS_OF: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "too_many_requests": 429,
    "insufficient_quota": 429,
    "overloaded_error": 529,
    "overloaded": 529,
    "service_unavailable": 503,
    "timeout_error": 504,
}
"""Errors inside a stream have a type and no status."""

_ERROR_STATUSES: Final = range(400, 600)
_TOO_MANY: Final = 429
_REFUSED: Final = 400
_FAILED: Final = 500
_REFUSALS: Final = frozenset({_REFUSED, 404, 405, 409, 415, 422})
_CLASS_OF: Final[Mapping[int, tuple[Code, str]]] = {
    401: (Code.PROVIDER_AUTH, "key_invalid"),
    402: (Code.PROVIDER_AUTH, "key_exhausted"),
    403: (Code.PROVIDER_AUTH, "key_invalid"),
    413: (Code.CONTEXT_TOO_LONG, "context_length"),
    503: (Code.PROVIDER_ERROR, "overloaded"),
    529: (Code.PROVIDER_ERROR, "overloaded"),
}
"""Statuses that say all by themselves; those that are not here are failures of the provider."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a provider says went wrong: its status, the words of its own classes, its sentence."""

    status: int
    kind: str = ""
    text: str = ""
    retry_after_ms: int | None = None


def complaint_of(status: int, headers: Mapping[str, str], body: bytes) -> Complaint:
    """The complaint in a whole answer; header names are in lower case."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = body.decode(errors="replace")
    fields = value.get("error", value) if isinstance(value, dict) else value
    kind, text = _words(fields)
    return Complaint(status, kind, text, _retry_after_ms(headers))


def stream_complaint(error: object) -> Complaint:
    """The complaint in an `error` value of a stream."""
    kind, text = _words(error)
    code = error.get("code") if isinstance(error, dict) else None
    if type(code) is int and code in _ERROR_STATUSES:  # some servers put the status there
        return Complaint(code, kind, text)
    typed = next((_STATUS_OF[word] for word in kind.split() if word in _STATUS_OF), None)
    is_callers = _TOO_LONG.search(f"{kind} {text[:_SCAN_CHARS]}") or _is_filtered(kind)
    return Complaint(typed or (_REFUSED if is_callers else _FAILED), kind, text)


def error_of(complaint: Complaint, provider: str) -> CodelabError:
    """The error of our table; a sentence about a key is not passed on: it holds the key."""
    code, reason = _class_of(complaint)
    wait = None
    if code is Code.RATE_LIMIT:
        asked_ms = complaint.retry_after_ms
        wait = DEFAULT_WAIT_MS if asked_ms is None else min(MAX_WAIT_MS, asked_ms)
    elif reason == "overloaded" and complaint.retry_after_ms is not None:
        wait = min(MAX_WAIT_MS, complaint.retry_after_ms)
    message = KINDS[code].sentence
    if code is not Code.PROVIDER_AUTH and complaint.text:
        message = f"{message} {provider} says: {redact(complaint.text)}"
    details: dict[str, Any] = {"provider": provider, "status": complaint.status}
    if code is Code.RATE_LIMIT and complaint.retry_after_ms is None:
        details[ASKED_WAIT] = False
    return CodelabError(code, reason, message=message, retry_after_ms=wait, **details)


def _class_of(complaint: Complaint) -> tuple[Code, str]:
    """Code and class of a complaint."""
    words = f"{complaint.kind} {complaint.text[:_SCAN_CHARS]}"
    if complaint.status == _TOO_MANY:
        return _limited(words)
    if complaint.status in _REFUSALS:
        return _refused(words)
    return _CLASS_OF.get(complaint.status, (Code.PROVIDER_ERROR, "server_error"))


def _limited(words: str) -> tuple[Code, str]:
    """Too many requests, or no money left: the same status means both."""
    if _NO_MONEY.search(words):
        return Code.PROVIDER_AUTH, "key_exhausted"
    return Code.RATE_LIMIT, "rate_limited"


def _refused(words: str) -> tuple[Code, str]:
    """A request that the provider would refuse again."""
    if _TOO_LONG.search(words):
        return Code.CONTEXT_TOO_LONG, "context_length"
    if _is_filtered(words):
        return Code.CONTENT_FILTERED, "content_filter"
    if _NO_MONEY.search(words):
        return Code.PROVIDER_AUTH, "key_exhausted"
    return Code.INVALID_REQUEST, "invalid_request"


def _is_filtered(words: str) -> bool:
    """Whether the content was the reason."""
    return _FILTERED.search(words) is not None


def _words(error: object) -> tuple[str, str]:
    """The provider's classes, separated by blanks, and its sentence; of any JSON value."""
    if isinstance(error, str):
        return "", error
    if not isinstance(error, dict):
        return "", ""
    classes = [error.get("type"), error.get("code"), error.get("status")]
    kind = " ".join(word.lower() for word in classes if isinstance(word, str))
    sentences = (error.get(name) for name in ("message", "detail", "error"))
    return kind, next((text for text in sentences if isinstance(text, str)), "")


def _retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """How long to wait; a date counts from the date of the answer itself. Source: RFC 9110."""
    exact, text = headers.get("retry-after-ms", ""), headers.get("retry-after", "").strip()
    try:
        return _wait_ms(exact, text, headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None


def _wait_ms(exact: str, text: str, date: str) -> int | None:
    """Milliseconds of either header; raises `ValueError` or `TypeError` for what is no time."""
    if not exact and not text:
        return None
    if exact:
        wait = float(exact)
    elif text[:1].isdigit():
        wait = float(text) * 1000
    else:
        wait = (parsedate_to_datetime(text) - parsedate_to_datetime(date)).total_seconds() * 1000
    return max(0, int(wait))
