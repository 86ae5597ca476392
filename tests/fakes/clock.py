"""A clock that moves when a test says so."""


class HandClock:
    """Stands still but for `advance`. Both times are the same number, in their units."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def wall_ms(self) -> int:
        """Milliseconds of the hand."""
        return int(self.now * 1000)

    def monotonic(self) -> float:
        """Seconds of the hand."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds
