"""Rates and numbers: token buckets per caller and per connection, counts of open sockets. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError

if TYPE_CHECKING:
    from codelab_core.settings import GatewaySettings

BAD_FRAME_WINDOW_S: Final = 60.0
REFUSAL_WINDOW_S: Final = 10.0
MAX_REFUSALS: Final = 10
IDLE_S: Final = 300.0
FRAME_COST_BYTES: Final = 1024
"""What the smallest frame counts as: to take it costs time, however short it is."""


@dataclass(slots=True)
class Bucket:
    """A token bucket: `rate` per second, at most `burst` at once. Times in seconds, monotonic.

    Full at first. The level may fall below zero, by `overdraw`.
    """

    rate: float
    burst: float
    level: float = field(init=False)
    at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Fill it."""
        self.level = self.burst

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take, and return 0; or leave it and return how many seconds to wait."""
        self._refill(now)
        if self.level >= amount:
            self.level -= amount
            return 0.0
        return (amount - self.level) / self.rate

    def overdraw(self, now: float, amount: float) -> float:
        """Take even below zero; how many seconds until the level is back at zero."""
        self._refill(now)
        self.level -= amount
        return max(0.0, -self.level / self.rate)

    def _refill(self, now: float) -> None:
        """What has come in since the last time; a clock that went back brings nothing."""
        self.level = min(self.burst, self.level + max(0.0, now - self.at) * self.rate)
        self.at = now


@dataclass(slots=True)
class Window:
    """Counts events of the last `seconds`."""

    seconds: float
    times: deque[float] = field(default_factory=deque)

    def add(self, now: float) -> int:
        """One more; how many there are now."""
        self.times.append(now)
        while self.times[0] <= now - self.seconds:
            self.times.popleft()
        return len(self.times)


@dataclass(slots=True)
class Caller:
    """What one principal uses of this process."""

    connects: Bucket
    messages: Bucket
    sockets: int = 0


class Callers:
    """Limits per principal, and the number of sockets of this process."""

    def __init__(self, settings: "GatewaySettings") -> None:
        self._settings = settings
        self._callers: dict[str, Caller] = {}
        self._swept_at = 0.0
        self.sockets = 0

    def connect(self, principal: str, now: float) -> None:
        """Count a new socket.

        Raises `UNAVAILABLE`/overloaded where the process is full, `RATE_LIMIT`/connects where the
        caller has too many, or makes them too fast.
        """
        caller = self._caller(principal)
        if self.sockets >= self._settings.max_connections:
            raise CodelabError(Code.UNAVAILABLE, "overloaded", retry_after_ms=1000)
        wait = caller.connects.take(now)
        if caller.sockets >= self._settings.max_connections_per_principal or wait:
            raise CodelabError(
                Code.RATE_LIMIT, "connects", retry_after_ms=max(1000, int(wait * 1000))
            )
        caller.sockets += 1
        self.sockets += 1

    def disconnect(self, principal: str, now: float) -> None:
        """A socket is gone; callers that have been idle for long are forgotten."""
        self.sockets -= 1
        self._callers[principal].sockets -= 1
        if now < self._swept_at + IDLE_S:
            return
        self._swept_at = now
        for name, caller in list(self._callers.items()):
            if not caller.sockets and caller.connects.at < now - IDLE_S:
                del self._callers[name]

    def message(self, principal: str, now: float) -> None:
        """Count a user message. Raises `RATE_LIMIT`/messages."""
        wait = self._caller(principal).messages.take(now)
        if wait:
            raise _too_fast("messages", self._settings.message_rate, wait)

    def _caller(self, principal: str) -> Caller:
        """The record of a caller."""
        connect, message = self._settings.connect_rate, self._settings.message_rate
        fresh = Caller(Bucket(connect, connect * 10), Bucket(message, message * 5))
        return self._callers.setdefault(principal, fresh)


class ConnectionLimits:
    """Limits of one socket."""

    def __init__(self, settings: "GatewaySettings") -> None:
        self._rate = settings.command_rate
        self._max_bad = settings.max_bad_frames
        self._commands = Bucket(self._rate, self._rate * 5)
        self._bytes = Bucket(settings.inbound_bytes_rate, settings.inbound_bytes_rate * 4)
        self._bad = Window(BAD_FRAME_WINDOW_S)
        self._refused = Window(REFUSAL_WINDOW_S)

    def command(self, now: float) -> None:
        """Count a command. Raises `RATE_LIMIT`/commands."""
        wait = self._commands.take(now)
        if wait:
            raise _too_fast("commands", self._rate, wait)

    def received(self, size: int, now: float) -> float:
        """Count a frame of `size` bytes; how many seconds nothing more should be read."""
        return self._bytes.overdraw(now, max(size, FRAME_COST_BYTES))

    def malformed(self, now: float) -> bool:
        """Count a bad frame; true when the connection has sent too many."""
        return self._bad.add(now) > self._max_bad

    def refused(self, now: float) -> bool:
        """Count a refused command; true when the client does not slow down."""
        return self._refused.add(now) > MAX_REFUSALS


def _too_fast(what: str, rate: float, wait: float) -> CodelabError:
    """The refusal of one command too many."""
    return CodelabError(
        Code.RATE_LIMIT, what, retry_after_ms=max(1, int(wait * 1000)), limit=f"{rate:g}/s"
    )
