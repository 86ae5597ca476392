"""Refusals of the API server, as `Status` objects."""

from typing import Any


class RefusedError(Exception):
    """A request that the API server turns down; `causes` are what `details.causes` holds."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        causes: list[dict[str, str]] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = causes or []
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        """The answer."""
        details: dict[str, Any] = {"causes": self.causes} if self.causes else {}
        if self.retry_after_s is not None:
            details["retryAfterSeconds"] = self.retry_after_s
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "details": details,
            "code": self.status,
        }


def not_found(plural: str, name: str) -> RefusedError:
    """404: no such object."""
    return RefusedError(404, "NotFound", f'{plural} "{name}" not found')


def already_exists(plural: str, name: str) -> RefusedError:
    """409 of a create."""
    return RefusedError(409, "AlreadyExists", f'{plural} "{name}" already exists')


def stale(plural: str, name: str) -> RefusedError:
    """409 of a write that named an older resourceVersion."""
    message = f'Operation cannot be fulfilled on {plural} "{name}": the object has been modified'
    return RefusedError(409, "Conflict", message)


def precondition(plural: str, name: str, field: str) -> RefusedError:
    """409 of a delete or write whose precondition does not hold."""
    message = f'Operation cannot be fulfilled on {plural} "{name}": Precondition failed: {field}'
    return RefusedError(409, "Conflict", message)


def field_conflict(fields: list[tuple[str, str]]) -> RefusedError:
    """409 of an apply without force: (manager, field) of each conflict."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{m}"', "field": field}
        for m, field in fields
    ]
    message = f"Apply failed with {len(fields)} conflicts"
    return RefusedError(409, "Conflict", message, causes=causes)
