"""What the API server answers when it does not do what it was asked. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

TRANSIENT: Final = frozenset(
    {0, HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
)
REFUSALS: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class ApiError(Exception):
    """An answer that is no success; `status` 0: there was none.

    `retry_after_s`: what the server asks to wait at least.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        retry_after_s: float | None = None,
        causes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s
        self.causes = causes
        """`reason` of each cause, such as `FieldManagerConflict` or `NamespaceTerminating`."""

    def __str__(self) -> str:
        return f"{self.status} {self.reason}: {self.message}"

    @property
    def is_field_conflict(self) -> bool:
        """Another manager has the field: the object is not ours."""
        return self.status == HTTPStatus.CONFLICT and "FieldManagerConflict" in self.causes

    @property
    def is_there_already(self) -> bool:
        """A create of what exists."""
        return self.status == HTTPStatus.CONFLICT and self.reason == "AlreadyExists"

    @property
    def is_namespace_going(self) -> bool:
        """The namespace is being deleted: nothing can be made in it any more."""
        return self.status == HTTPStatus.FORBIDDEN and "NamespaceTerminating" in self.causes

    @property
    def is_refusal(self) -> bool:
        """The object as such is not acceptable; asking again changes nothing."""
        return self.status in REFUSALS

    @property
    def is_transient(self) -> bool:
        """It may well work a moment later."""
        return self.status in TRANSIENT or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class FencedError(Exception):
    """The process may no longer write: its Lease is not certain."""


def error_of(status: int, body: Mapping[str, Any], retry_after: str | None) -> ApiError:
    """The error that an answer speaks of; `body` is a `Status` object or anything else."""
    details = body.get("details") or {}
    causes = tuple(str(cause.get("reason", "")) for cause in details.get("causes") or ())
    asked = retry_after or details.get("retryAfterSeconds")
    return ApiError(
        status,
        str(body.get("reason", "")),
        str(body.get("message", ""))[:1024],
        retry_after_s=_seconds(asked),
        causes=causes,
    )


def _seconds(asked: object) -> float | None:
    """Seconds of a `Retry-After`; None where there is none or it is a date."""
    try:
        return float(str(asked)) if asked else None
    except ValueError:
        return None
