"""One statement about an agent, and how it becomes a condition of the status. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from codelab_operator.api_status import ORDER, REASONS

LONGEST_MESSAGE = 4096


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition without its time; `message` is the reason's meaning where it is left empty."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""

    @property
    def holds(self) -> bool:
        """Whether the statement is true."""
        return self.status == "True"


def as_conditions(
    verdicts: Iterable[Verdict], previous: Mapping[str, Any], now: str
) -> list[dict[str, str]]:
    """Conditions in the order of `ORDER`; the time moves only where `status` does."""
    before = {one["type"]: one for one in previous.get("conditions") or ()}
    return [
        {
            "type": verdict.type,
            "status": verdict.status,
            "reason": verdict.reason,
            "message": _message(verdict),
            "lastTransitionTime": _since(verdict, before.get(verdict.type), now),
        }
        for verdict in sorted(verdicts, key=lambda one: ORDER.index(one.type))
    ]


def _message(verdict: Verdict) -> str:
    text = verdict.message or REASONS[verdict.type][verdict.reason]
    return text[:LONGEST_MESSAGE]


def _since(verdict: Verdict, before: Mapping[str, Any] | None, now: str) -> str:
    if before is None or before.get("status") != verdict.status:
        return now
    return str(before.get("lastTransitionTime") or now)
