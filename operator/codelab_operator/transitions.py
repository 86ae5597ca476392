"""Which events two successive statuses of an agent make. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from codelab_operator.events import Note

WARNINGS: Final = frozenset(
    {
        "ChildRejected",
        "ChildConflict",
        "UnsupportedVersion",
        "InvalidSpec",
        "DriftFight",
        "Forbidden",
    }
)

Status = Mapping[str, Any]


def notes(before: Status, after: Status) -> Iterator[Note]:
    """What became different: readiness, a roll-out that began, a reason to call a person."""
    was, is_now = _condition(before, "Ready"), _condition(after, "Ready")
    if was.get("status") != is_now.get("status"):
        if is_now.get("status") == "True":
            yield Note("Normal", "Ready", "every component is ready")
        elif was.get("status") == "True":
            yield Note("Warning", "NotReady", str(is_now.get("message") or is_now.get("reason")))
    work = _condition(after, "Reconciling").get("reason")
    if work != _condition(before, "Reconciling").get("reason") and work in {
        "Creating",
        "RollingOut",
    }:
        yield Note("Normal", "Created" if work == "Creating" else work, "children are written")
    stalled = _condition(after, "Stalled")
    reason = stalled.get("reason")
    if reason in WARNINGS and reason != _condition(before, "Stalled").get("reason"):
        yield Note("Warning", str(reason), str(stalled.get("message", "")))
    phase = (after.get("internalAuth") or {}).get("phase")
    if phase == "Stable" and (before.get("internalAuth") or {}).get("phase") == "Promoted":
        yield Note("Normal", "TokenRotated", "the token between the services was replaced")


def is_ready(status: Status) -> bool:
    """Whether `Ready` is True."""
    return bool(_condition(status, "Ready").get("status") == "True")


def is_settled(status: Status) -> bool:
    """Ready, and every provider answers: nothing is expected to change soon."""
    return is_ready(status) and _condition(status, "ProvidersReady").get("status") == "True"


def readiness(status: Status) -> str:
    """Status of `Ready`: True, False or Unknown; empty where there is none."""
    return str(_condition(status, "Ready").get("status", ""))


def _condition(status: Status, kind: str) -> Mapping[str, Any]:
    """A condition; empty where there is none."""
    found: Mapping[str, Any] = next(
        (c for c in status.get("conditions") or () if c.get("type") == kind), {}
    )
    return found
