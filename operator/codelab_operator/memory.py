"""What is remembered of an agent between two passes; nothing of it has to survive. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from codelab_operator.children import ObjectKey, Offering, Outline
from codelab_operator.drift import Drift
from codelab_operator.findings import Failure
from codelab_operator.plan import Steps

SECRETS_S: Final = 60.0
"""Secrets are looked at this often at most."""
REJECTED_S: Final = 600.0
"""A child that the API server refuses is tried again after this time, or when the agent changes."""
LOOK_AGAIN_S: Final = 60.0
QUIET_TRIES: Final = 2
"""So many failures that go away by themselves are not worth a status."""


@dataclass(slots=True)
class AgentMemory:
    """Times are of the monotonic clock."""

    uid: str = ""
    generation: int = 0
    seen_at: float = 0.0
    """When this generation was first seen."""
    is_ready: bool = False
    drift: Drift = field(default_factory=Drift)
    secrets_at: float = float("-inf")
    owes_secrets: bool = False
    """A Secret could not be made."""
    status_at: float = float("-inf")
    """When the status was last written."""
    tries: int = 0
    """Passes in a row in which something failed that goes away by itself."""
    refused: dict[ObjectKey, tuple[float, Failure]] = field(default_factory=dict)
    """Children that are left alone for this generation: until when, and why."""
    outline: tuple[Outline, ...] = ()
    """What was wanted at the last pass, if all of it was there as meant."""
    offering: Offering | None = None
    """What the cluster offered then."""
    suspects: frozenset[ObjectKey] = frozenset()
    """Names that somebody else had at the last pass."""

    def turn_to(self, uid: str, generation: int, now: float) -> bool:
        """A pass begins; a new generation has its chances again. Whether it is a new one."""
        if (uid, generation) == (self.uid, self.generation):
            return False
        self.uid, self.generation, self.seen_at = uid, generation, now
        self.refused.clear()
        self.outline = ()
        return True

    def barred(self, now: float) -> frozenset[ObjectKey]:
        """Children not to write now: fights and refusals."""
        self.refused = {key: it for key, it in self.refused.items() if it[0] > now}
        return self.drift.fights(now) | self.refused.keys()

    def standing(self) -> list[Failure]:
        """Failures of children that are left alone: they still are failures."""
        return [failure for _, failure in self.refused.values()]

    def learned(self, failures: Iterable[Failure], now: float) -> float | None:
        """After a pass: what not to send again soon; in how many seconds to look again.

        Conflicts and missing rights go away by somebody else's doing, which no stream shows.
        """
        fresh = [failure for failure in failures if failure.key not in self.refused]
        rejected = [failure for failure in fresh if failure.reason == "ChildRejected"]
        self.refused |= {it.key: (now + REJECTED_S, it) for it in rejected}
        self.suspects = frozenset(it.key for it in fresh if it.reason == "ChildConflict")
        if self.suspects or any(it.reason == "Forbidden" for it in fresh):
            return LOOK_AGAIN_S
        return REJECTED_S if rejected else None

    def repaired(self, steps: Steps, now: float) -> None:
        """Remember which children had to be put right."""
        for step in steps.apply:
            if step.reason == "drifted":
                self.drift = self.drift.repaired(step.child.key, step.drifted, now)
