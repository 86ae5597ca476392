"""How many writes may be under way: fewer when the API server suffers, more when it does not. Pure.

No fixed rate: a rate on the client's side is what strands operators at some hundred objects.
"""

from dataclasses import dataclass
from typing import Final

MOST: Final = 32
FEWEST: Final = 4
SLOW_S: Final = 1.0
GOOD_IN_A_ROW: Final = 50
CALM_S: Final = 1.0
"""One trouble shows in all writes under way: it halves the limit once."""


@dataclass(slots=True)
class WriteLimit:
    """`allowed` writes at once."""

    allowed: int = MOST
    good: int = 0
    halved_at: float = float("-inf")

    def succeeded(self, took_s: float, now: float) -> None:
        """After a write that was answered; a slow one counts as trouble."""
        if took_s > SLOW_S:
            self.suffered(now)
            return
        self.good += 1
        if self.good >= GOOD_IN_A_ROW:
            self.good = 0
            self.allowed = min(self.allowed + 1, MOST)

    def suffered(self, now: float) -> None:
        """After a 429, or an answer that took too long."""
        self.good = 0
        if now - self.halved_at >= CALM_S:
            self.halved_at = now
            self.allowed = max(self.allowed // 2, FEWEST)
