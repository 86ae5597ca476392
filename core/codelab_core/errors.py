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


def from_wire(body: Mapping[str, Any]) -> CodelabError:
    """The error in a body made by `to_wire`; an unknown code is `INTERNAL`, its text is kept."""
    code = str(body.get("code"))
    return CodelabError(
        Code(code) if code in Code else Code.INTERNAL,
        body.get("class"),
        message=body.get("message"),
        retry_after_ms=body.get("retry_after_ms"),
        **(body.get("details") or {}),
    )
