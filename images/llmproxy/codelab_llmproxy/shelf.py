"""Keeps ended things under their ids for a while, within a number of bytes. Pure."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 64 * 1_048_576
RELEASED_S: Final = 60.0
MAX_GONE: Final = 10_000


@dataclass(slots=True)
class _Kept[T]:
    """One thing on the shelf."""

    item: T
    size: int
    expires: float


class Shelf[T]:
    """Things by id; the oldest go first where there are too many bytes. Times are in seconds.

    Ids of things that are gone are remembered, the last 10,000 of them.
    """

    def __init__(self, keep_s: float, max_bytes: int = MAX_BYTES) -> None:
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._kept: dict[str, _Kept[T]] = {}
        # Both in order of expiry: all of one line are kept equally long.
        self._put: deque[tuple[float, str]] = deque()
        self._released: deque[tuple[float, str]] = deque()
        self._gone: dict[str, None] = {}
        self._bytes = 0

    def get(self, key: str) -> T | None:
        """The thing under an id."""
        kept = self._kept.get(key)
        return kept.item if kept else None

    def is_gone(self, key: str) -> bool:
        """Whether there was a thing under this id that is not kept any more."""
        return key in self._gone

    def put(self, key: str, item: T, size: int, now: float) -> None:
        """Keep a thing; what is too much goes at once."""
        self._kept[key] = _Kept(item, size, now + self._keep_s)
        self._put.append((now + self._keep_s, key))
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(self._put.popleft()[1])

    def release(self, key: str, now: float) -> None:
        """Nobody needs it any more: at most 60 s are left."""
        kept = self._kept.get(key)
        if kept and kept.expires > now + RELEASED_S:
            kept.expires = now + RELEASED_S
            self._released.append((kept.expires, key))

    def sweep(self, now: float) -> None:
        """Drop what has expired."""
        for line in (self._put, self._released):
            _drop_first(line, now, self._drop)

    def _drop(self, key: str) -> None:
        """Forget a thing, remember its id."""
        kept = self._kept.pop(key, None)
        if kept:
            self._bytes -= kept.size
            self._gone[key] = None
            if len(self._gone) > MAX_GONE:
                del self._gone[next(iter(self._gone))]


def _drop_first(line: deque[tuple[float, str]], now: float, drop: Callable[[str], None]) -> None:
    """Drop the head of a line as long as it has expired."""
    while line and line[0][0] <= now:
        drop(line.popleft()[1])
