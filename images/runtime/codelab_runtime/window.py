"""What of the history goes into a request: all that fits, the newest first. Pure.

A call is never parted from its results, and what the person asked in this turn always stays. When
the room is used up, old results are shortened; when that is not enough, the oldest messages go,
down to 60 % of the room, so that the beginning of the request is the same for the next ones: the
caches of providers live by that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.telling import Told, size_of, told
from codelab_runtime.turn.state import Message

BYTES_PER_TOKEN: Final = 3.2
"""How the LLM proxy estimates too; real texts take a little more."""
OLD_RESULT_BYTES: Final = 1_024
GOAL: Final = 0.6
MIN_RESULT_BYTES: Final = 256
MAX_MESSAGES: Final = 8_000
"""So many fill any window: the LLM proxy takes 10,000."""
_LAST_RESORTS: Final = (4_096, 1_024, 256)


@dataclass(frozen=True, slots=True)
class Model:
    """What the LLM proxy says of a model; the defaults are for one that it does not list.

    Lengths are in tokens: of request and answer together, and of the longest answer.
    """

    family: str = ""
    context_length: int = 128_000
    max_tokens: int = 8_192

    @property
    def room_bytes(self) -> int:
        """Bytes that a request may take: all but the answer, which gets a quarter at most."""
        answer = min(self.max_tokens, self.context_length // 4)
        return int((self.context_length - answer) * BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Room:
    """What a request may take: bytes of all messages, and of one result."""

    total: int
    result: int


@dataclass(frozen=True, slots=True)
class Window:
    """The messages to send, and how many older ones are left out."""

    messages: list[Told]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Group:
    """Messages that stay together; `cost` is their share of the room."""

    messages: list[Told]
    cost: int


def tokens_of(size: int) -> int:
    """The estimate for so many bytes."""
    return -int(-size // BYTES_PER_TOKEN)


def fitted(history: Sequence[Message], turn: int, room: Room) -> Window:
    """The part of the history that fits, oldest first; never empty where the history is not.

    Raises `CONTEXT_TOO_LONG` {max, needed}, both in tokens, when not even the messages of turn
    `turn` and the newest step fit.
    """
    groups = list(_groups(history))
    floor = max(room.total // MAX_MESSAGES, 1)
    limit = max(MIN_RESULT_BYTES, min(room.result, room.total // 4))
    full = [_told(group, limit, None, floor) for group in groups]
    if _cost(full) <= room.total:
        return Window(_joined(full))
    asked = {n for n, group in enumerate(groups) if _is_asking(group, turn)}
    chosen = _chosen(groups, full, asked, room.total)
    newest = max((n for n in chosen if n not in asked), default=None)
    excess = _cost(chosen.values()) - room.total
    if excess > 0 and newest is not None:
        spare = chosen[newest].cost - excess
        chosen[newest] = _tight(groups[newest], spare, floor)
        if chosen[newest].cost > spare and newest < len(groups) - 1:
            del chosen[newest]  # what was asked since then can be answered without
    needed = _cost(chosen.values())
    if needed > room.total:
        most, least = tokens_of(room.total), tokens_of(needed)
        raise CodelabError(Code.CONTEXT_TOO_LONG, "context_length", max=most, needed=least)
    kept = _joined(chosen[n] for n in sorted(chosen))
    return Window(kept, len(history) - len(kept))


def _groups(history: Sequence[Message]) -> Iterator[list[Message]]:
    """Each message by itself, but an answer together with the results of its calls."""
    group: list[Message] = []
    for message in history:
        if message.role != "tool" and group:
            yield group
            group = []
        group.append(message)
    if group:
        yield group


def _is_asking(group: Sequence[Message], turn: int) -> bool:
    """Whether this is what the person wrote in the running turn."""
    return group[0].role == "user" and group[0].turn == turn


def _told(group: Sequence[Message], limit: int, asked_limit: int | None, floor: int) -> _Group:
    """A group as it is sent."""
    messages = [told(message, limit, asked_limit) for message in group]
    return _Group(messages, sum(max(size_of(message), floor) for message in messages))


def _cost(groups: Iterable[_Group]) -> int:
    """What groups take of the room."""
    return sum(group.cost for group in groups)


def _joined(groups: Iterable[_Group]) -> list[Told]:
    """The messages of all groups."""
    return [message for group in groups for message in group.messages]


def _chosen(
    groups: Sequence[Sequence[Message]], full: Sequence[_Group], asked: set[int], room: int
) -> dict[int, _Group]:
    """The groups to send by their number: those asked for, the newest of the others."""
    floor = max(room // MAX_MESSAGES, 1)
    others = [n for n in range(len(groups)) if n not in asked]
    old = min(OLD_RESULT_BYTES, room // 16)
    short = {n: _shorter(_told(groups[n], old, old, floor), full[n]) for n in others}
    sizes = [(full[n].cost, short[n].cost) for n in others]
    start, squeezed = _cut(sizes, room - _cost(full[n] for n in asked))
    chosen = {n: full[n] for n in asked}
    chosen |= {n: short[n] for n in others[start:squeezed]}
    chosen |= {n: full[n] for n in others[max(start, squeezed) :]}
    for n in sorted(chosen)[:-1]:  # providers want a conversation to begin with the person
        if groups[n][0].role in {"user", "note"}:
            break
        del chosen[n]
    return chosen


def _shorter(some: _Group, other: _Group) -> _Group:
    """The one that takes less: a marker may be longer than what it stands for."""
    return some if some.cost < other.cost else other


def _cut(sizes: Sequence[tuple[int, int]], room: int) -> tuple[int, int]:
    """Which groups go, and which are shortened: all before these two numbers.

    Both are found by going through the history as it grew, so that they move seldom: every request
    but those that run out of room begins as the one before. The newest group always stays whole.
    """
    start = squeezed = total = 0
    for n, (full, _) in enumerate(sizes):
        total += full
        if total <= room:
            continue
        total -= sum(sizes[old][0] - sizes[old][1] for old in range(max(start, squeezed), n))
        squeezed = n
        goal = room if total <= room else room * GOAL
        while total > goal and start < n:
            total -= sizes[start][1]
            start += 1
    return start, squeezed


def _tight(group: Sequence[Message], room: int, floor: int) -> _Group:
    """A group with everything in it shortened until it fits, or as far as it goes."""
    tight = [_told(group, limit, limit, floor) for limit in _LAST_RESORTS]
    return next((fit for fit in tight if fit.cost <= room), tight[-1])
