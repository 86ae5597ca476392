"""A clock that stands until it is told how far to go."""

from dataclasses import dataclass


@dataclass(slots=True)
class StillClock:
    """Both times move together."""

    now_s: float = 1_000.0

    def wall_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        """Seconds."""
        return self.now_s

    def go(self, span_s: float) -> None:
        """Let time pass."""
        self.now_s += span_s
