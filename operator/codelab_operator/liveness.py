"""Is this process alive? Only if credentials, streams, loop and queue all work. Pure."""

from dataclasses import dataclass
from typing import Final

HEARTBEAT_S: Final = 15.0
OLDEST_DUE_S: Final = 120.0
ECHO_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """Ages in seconds, as of now."""

    heartbeat_s: float = 0.0
    """Since the loop last ran a timer."""
    oldest_due_s: float = 0.0
    """Wait of the agent that has been due longest."""
    lease_echo_s: float = 0.0
    """Since our Lease was seen on a stream; 0.0 while this process does not lead."""
    write_echo_s: float = 0.0
    """Wait of the oldest own write that no stream has shown."""


def ailments(pulse: Pulse) -> tuple[str, ...]:
    """What is wrong; empty: the process is alive."""
    found = (
        ("event loop stalled", pulse.heartbeat_s > HEARTBEAT_S),
        ("queue stalled", pulse.oldest_due_s > OLDEST_DUE_S),
        ("own Lease not seen on a stream", pulse.lease_echo_s > ECHO_S),
        ("own write not seen on a stream", pulse.write_echo_s > ECHO_S),
    )
    return tuple(text for text, is_so in found if is_so)
