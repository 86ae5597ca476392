"""How long a provider may take for each part of an answer; one ticker looks at all calls.

No timer per call or per chunk: a call notes when something happened, the ticker compares.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.llm_config import ClocksConfig

TICK_S: Final = 0.1
Sleep = Callable[[float], Awaitable[None]]
"""How to wait so many seconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Longest waits in seconds, of a target that no other could stand in for."""

    connect_s: float = 3.0
    headers_s: float = 60.0
    first_content_s: float = 60.0
    idle_s: float = 30.0

    def changed(self, clocks: ClocksConfig) -> "Limits":
        """The same with what a configuration says of it."""
        return replace(self, **clocks.model_dump(exclude_none=True))


_LIMITS: Final[Mapping[tuple[bool, bool], Limits]] = {
    (False, True): Limits(),
    (False, False): Limits(3.0, 10.0, 10.0, 15.0),
    (True, True): Limits(3.0, 180.0, 180.0, 60.0),
    (True, False): Limits(3.0, 45.0, 45.0, 30.0),
}
"""By whether the model reasons, and whether no other target is left."""


def limits_of(kind: str, *, reasoning: bool, is_last: bool = True) -> Limits:
    """The limits of a model: one that reasons is silent for longer, a local one is loaded first.

    Where another target could answer (`is_last` false), none is waited for that long.
    """
    limits = _LIMITS[reasoning, is_last]
    if kind == "ollama":
        loading = max(120.0, limits.headers_s)
        return replace(limits, headers_s=loading, first_content_s=loading)
    return limits


class Phase(Enum):
    """What a call waits for: the field of its limit, and the error when that is over."""

    CONNECT = ("connect_s", Code.PROVIDER_ERROR, "connect_failed")
    HEADERS = ("headers_s", Code.PROVIDER_TIMEOUT, "silent")
    FIRST_CONTENT = ("first_content_s", Code.PROVIDER_TIMEOUT, "slow_first_content")
    CONTENT = ("idle_s", Code.PROVIDER_TIMEOUT, "stalled")


class Watch:
    """The clocks of one call; `reused` tells that its connection had been used before."""

    __slots__ = ("_clock", "_deadline", "_error", "_phase", "_scope", "_since", "limits", "reused")

    def __init__(self, limits: Limits, deadline_s: float, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._since = clock.monotonic()
        self._deadline = self._since + deadline_s
        self._phase = Phase.HEADERS
        self._scope: asyncio.Timeout | None = None
        self._error: CodelabError | None = None
        self.reused = False

    def enter(self, phase: Phase) -> None:
        """The call waits for something else now."""
        self._phase, self._since = phase, self._clock.monotonic()

    def content(self, now: float) -> None:
        """Content came; nothing else sets these clocks back. Hot: once per token."""
        self._phase, self._since = Phase.CONTENT, now

    def look(self, now: float) -> None:
        """End the call where it has taken too long."""
        if self._error is None and self._scope:
            self._error = self._late(now)
            if self._error:
                self._scope.reschedule(asyncio.get_running_loop().time())

    def _late(self, now: float) -> CodelabError | None:
        """The error of a call that has taken too long."""
        if now >= self._deadline:
            return CodelabError(Code.PROVIDER_TIMEOUT, "deadline")
        field, code, reason = self._phase.value
        if now - self._since >= getattr(self.limits, field):
            return CodelabError(code, reason)
        return None

    @asynccontextmanager
    async def guarding(self) -> AsyncGenerator[None]:
        """Raises the error of the clock that ran out inside of this block."""
        try:
            async with asyncio.timeout(None) as self._scope:
                yield
        except TimeoutError:
            if self._error is None:
                raise
            raise self._error from None
        finally:
            self._scope = None


class Ticker:
    """Looks at all live calls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watches: set[Watch] = set()

    @asynccontextmanager
    async def watching(self, watch: Watch) -> AsyncGenerator[None]:
        """Look at a call until the block ends; raises the error of a clock that runs out."""
        self._watches.add(watch)
        try:
            async with watch.guarding():
                yield
        finally:
            self._watches.discard(watch)

    def tick(self) -> None:
        """Look once."""
        now = self._clock.monotonic()
        for watch in self._watches:
            watch.look(now)

    async def run(self) -> None:
        """Look ten times a second."""
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()
