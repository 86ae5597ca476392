"""The `error` event of a failed inference: whose fault it was, and what it cost. Pure."""

from collections.abc import Mapping
from typing import Final, Literal

from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceError

Fault = Literal["caller", "key", "provider", "proxy"]
Billed = Literal["yes", "no", "unknown"]

_CLASSES: Final[Mapping[str, tuple[Fault, Billed]]] = {
    "invalid_request": ("caller", "no"),
    "context_length": ("caller", "no"),
    "content_filter": ("caller", "unknown"),
    "unknown_model": ("caller", "no"),
    "key_invalid": ("key", "no"),
    "key_exhausted": ("key", "no"),
    "key_missing": ("key", "no"),
    "rate_limited": ("key", "no"),
    "overloaded": ("provider", "no"),
    "server_error": ("provider", "unknown"),
    "connect_failed": ("provider", "no"),
    "reset": ("provider", "unknown"),
    "silent": ("provider", "unknown"),
    "slow_first_content": ("provider", "unknown"),
    "stalled": ("provider", "yes"),
    "cut": ("provider", "yes"),
    "malformed": ("provider", "yes"),
    "tool_call_incomplete": ("provider", "yes"),
    "empty_answer": ("provider", "yes"),
    "deadline": ("caller", "yes"),
    "no_target": ("provider", "no"),
}


def error_event(error: CodelabError) -> InferenceError:
    """The event that ends an inference; an error without a class is a bug of ours."""
    fault, billed = _CLASSES.get(error.reason or "", ("proxy", "unknown"))
    return InferenceError(
        code=str(error.code),
        class_=error.reason,
        message=error.message,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        fault=fault,
        billed=billed,
    )


def is_providers(error: CodelabError) -> bool:
    """Whether the provider is to blame, or its key."""
    return _CLASSES.get(error.reason or "", ("proxy", "unknown"))[0] in {"provider", "key"}
