"""What is remembered of an agent between two passes; nothing of it has to survive. Pure."""

from dataclasses import dataclass, field
from typing import Final

from codelab_operator.children import ObjectKey
from codelab_operator.drift import Drift
from codelab_operator.plan import Steps

SECRETS_S: Final = 60.0
"""Secrets are looked at this often at most."""
REJECTED_S: Final = 600.0
"""A child that the API server refuses is tried again after this time, or when the agent changes."""
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
    status_at: float = float("-inf")
    """When the status was last written."""
    tries: int = 0
    """Passes in a row in which something failed that goes away by itself."""
    refused: dict[ObjectKey, float] = field(default_factory=dict)
    """Children that were refused for this generation, and until when they are left alone."""

    def turn_to(self, uid: str, generation: int, now: float) -> None:
        """A pass begins; a new generation has its chances again."""
        if (uid, generation) == (self.uid, self.generation):
            return
        self.uid, self.generation, self.seen_at = uid, generation, now
        self.refused.clear()

    def barred(self, now: float) -> frozenset[ObjectKey]:
        """Children not to write now: fights and refusals."""
        self.refused = {key: until for key, until in self.refused.items() if until > now}
        return self.drift.fights(now) | self.refused.keys()

    def repaired(self, steps: Steps, now: float) -> None:
        """Remember which children had to be put right."""
        for step in steps.apply:
            if step.reason == "drifted":
                self.drift = self.drift.repaired(step.child.key, step.drifted, now)
