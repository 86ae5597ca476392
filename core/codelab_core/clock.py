"""The only reader of time and randomness; everything else has them passed in."""

import random
import secrets
import time
from datetime import UTC, datetime
from typing import Final, Protocol


class Clock(Protocol):
    """Two times: one that people agree on, one that never jumps."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC; may jump."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; for durations and deadlines."""


class SystemClock:
    """The clocks of this machine."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds of the monotonic clock, the one asyncio's loop uses."""
        return time.monotonic()


SYSTEM_CLOCK: Final = SystemClock()


def rfc3339(wall_ms: int) -> str:
    """A wall time as the wire shows it: `2026-01-05T09:30:00.000Z`."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ms % 1000:03d}Z"


def random_hex(digits: int) -> str:
    """Unguessable lower-case hex digits, `digits` of them."""
    return secrets.token_hex((digits + 1) // 2)[:digits]


def random_token() -> str:
    """A fresh secret: 32 random bytes as base64url."""
    return secrets.token_urlsafe(32)


def jitter_source() -> random.Random:
    """A source of jitter; not for secrets."""
    return random.Random()  # noqa: S311 -- spreads delays, guards nothing
