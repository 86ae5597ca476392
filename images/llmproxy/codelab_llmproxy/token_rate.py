"""Tokens of the last ten seconds, in tenths of a second. Pure."""

from typing import Final

WINDOW_S: Final = 10
_PER_S: Final = 10


class TokenRate:
    """Tokens per second over the last ten; moments are seconds of a clock that never jumps back."""

    __slots__ = ("_counts", "_newest")

    def __init__(self) -> None:
        self._counts = [0] * (WINDOW_S * _PER_S)
        self._newest = 0

    def add(self, tokens: int, moment: float) -> None:
        """Count tokens that came at a moment. Hot: once per token."""
        tenth = int(moment * _PER_S)
        if tenth != self._newest:
            self._advance(tenth)
        self._counts[tenth % len(self._counts)] += tokens

    def per_second(self, moment: float) -> float:
        """The mean of the ten seconds before a moment; 0 when nothing came."""
        self._advance(int(moment * _PER_S))
        return sum(self._counts) / WINDOW_S

    def _advance(self, tenth: int) -> None:
        """Forget what is older than the window."""
        size = len(self._counts)
        for passed in range(max(self._newest + 1, tenth - size + 1), tenth + 1):
            self._counts[passed % size] = 0
        self._newest = tenth
