"""Who may touch which paths at the same time: readers together, a writer alone, first come first.

Pure but for waiting; paths collide as the strictest file system would see them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from codelab_core.paths import same_file_key


@dataclass(frozen=True, slots=True)
class Claim:
    """Paths, by their `same_file_key`, that a call reads and writes; `tree` reads all of them."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    tree: bool = False

    @classmethod
    def reading(cls, *paths: str) -> Self:
        """A claim to read some files."""
        return cls(reads=_keys(paths))

    @classmethod
    def writing(cls, *paths: str) -> Self:
        """A claim to write some files."""
        return cls(writes=_keys(paths))

    def conflicts(self, other: "Claim") -> bool:
        """Whether the two must not be held together."""
        return _hurts(self, other) or _hurts(other, self)


def _hurts(writer: Claim, other: Claim) -> bool:
    """Whether what one writes is seen by the other."""
    if other.tree:
        return bool(writer.writes)
    return not writer.writes.isdisjoint(other.reads | other.writes)


def _keys(paths: Iterable[str]) -> frozenset[str]:
    """Names under which two spellings of one file meet."""
    return frozenset(map(same_file_key, paths))


@dataclass(eq=False, slots=True)
class _Held:
    """A claim in the queue, until it is released."""

    claim: Claim
    released: asyncio.Event = field(default_factory=asyncio.Event)


class PathLocks:
    """The claims of one client, in the order they came."""

    def __init__(self) -> None:
        self._held: list[_Held] = []

    @asynccontextmanager
    async def hold(self, claim: Claim) -> AsyncIterator[None]:
        """Wait until every earlier claim that conflicts is released, then hold this one.

        No deadlock: a claim waits only for earlier ones. One that is cancelled lets the next go on.
        """
        earlier = [held for held in self._held if held.claim.conflicts(claim)]
        mine = _Held(claim)
        self._held.append(mine)
        try:
            for held in earlier:
                await held.released.wait()
            yield
        finally:
            self._held.remove(mine)
            mine.released.set()
