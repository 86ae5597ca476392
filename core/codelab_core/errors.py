"""The one exception of every failure that crosses a wire, and its wire form."""

from collections.abc import Mapping
from typing import Any

from codelab_core.error_codes import KINDS, RETRY, Code, ErrorKind


class CodelabError(Exception):
    """A failure with a code of the table; carries facts, makes its text from them.

    `reason` is the wire's `class`; `details` are JSON values, safe to show to the caller.
    """

    def __init__(
        self,
        code: Code,
        reason: str | None = None,
        /,
        *,
        message: str | None = None,
        retry_after_ms: int | None = None,
        **details: Any,
    ) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.message = message or KINDS[code].sentence
        self.retry_after_ms = retry_after_ms
        self.details = details

    def __str__(self) -> str:
        """`CODE/class: sentence`."""
        name = f"{self.code}/{self.reason}" if self.reason else str(self.code)
        return f"{name}: {self.message}"

    @property
    def kind(self) -> ErrorKind:
        """Status, close code and the rest of the table's row."""
        return KINDS[self.code]

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind.again is RETRY

    def to_wire(self) -> dict[str, Any]:
        """The fields that every wire form shares, absent ones left out."""
        fields = {
            "code": str(self.code),
            "class": self.reason,
            "message": self.message,
            "details": self.details or None,
            "retryable": self.retryable,
            "retry_after_ms": self.retry_after_ms,
        }
        return {name: value for name, value in fields.items() if value is not None}


def from_wire(body: object) -> CodelabError:
    """The error in a body made by `to_wire`; what is missing or of another type is left out.

    An unknown code is `INTERNAL`, its text is kept. `body` comes from the network: any JSON value.
    """
    fields: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    code, reason, message = (_text(fields.get(name)) for name in ("code", "class", "message"))
    wait, details = fields.get("retry_after_ms"), fields.get("details")
    error = CodelabError(
        Code(code) if code is not None and code in Code else Code.INTERNAL,
        reason,
        message=message,
        retry_after_ms=wait if type(wait) is int and wait >= 0 else None,
    )
    # not by keyword: a detail may bear any name, also that of a parameter
    error.details = dict(details) if isinstance(details, Mapping) else {}
    return error


def _text(value: object) -> str | None:
    """A field that is text."""
    return value if isinstance(value, str) else None
