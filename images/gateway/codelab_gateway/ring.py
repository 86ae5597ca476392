"""Which runtime serves which session: rendezvous hashing, the same on every gateway. Pure.

A hint only: it keeps caches warm, and any other runtime gives the same answers. Source: Thaler and
Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.
"""

from collections.abc import Sequence
from hashlib import blake2b


def preferred(session_id: str, addresses: Sequence[str]) -> list[str]:
    """All addresses, the one for this session first; few move when an address comes or goes."""
    return sorted(addresses, key=lambda address: _weight(session_id, address), reverse=True)


def _weight(session_id: str, address: str) -> bytes:
    """How much an address wants a session."""
    return blake2b(f"{session_id} {address}".encode(), digest_size=8).digest()
