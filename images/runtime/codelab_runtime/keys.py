"""Names of everything in the store. Pure.

All keys of a session and the work queues of its bucket share one hash tag, so that every script is
atomic in a cluster too.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from codelab_core.identity import principal_hash

_PART_OF_CALL: Final = re.compile(r"part:c(\d+)-")
SESSION_PARTS: Final = ("meta", "ev", "jr", "in", "dd", "tc", "snap", "cl", "blob")


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix, spread over `buckets` hash slots."""

    prefix: str
    buckets: int = 1

    def bucket(self, session_id: str) -> int:
        """The bucket of a session."""
        return crc32(session_id.encode()) % self.buckets

    def tag(self, bucket: int) -> str:
        """First part of all keys of a bucket."""
        return f"{self.prefix}:{{{bucket:02d}}}"

    def session(self, session_id: str, part: str) -> str:
        """One key of a session; `part` is one of `SESSION_PARTS`, or `ch` for its channel."""
        return f"{self.tag(self.bucket(session_id))}:{session_id}:{part}"

    def whole_session(self, session_id: str) -> list[str]:
        """All keys that hold something of a session, the hash of its state first."""
        return [self.session(session_id, part) for part in SESSION_PARTS]

    def ready(self, bucket: int) -> str:
        """Sessions with work and no owner."""
        return f"{self.tag(bucket)}:ready"

    def lease(self, bucket: int) -> str:
        """Sessions with an owner, by the end of its lease."""
        return f"{self.tag(bucket)}:lease"

    def sessions(self, bucket: int) -> str:
        """All sessions by their expiry."""
        return f"{self.tag(bucket)}:sessions"

    def gone(self, bucket: int) -> str:
        """Tombstones."""
        return f"{self.tag(bucket)}:gone"

    def wake(self, bucket: int) -> str:
        """The channel on which owners hear of new commands."""
        return f"{self.tag(bucket)}:wk"

    def of_principal(self, principal: str) -> str:
        """The sessions of one principal by their last change."""
        return f"{self.prefix}:u:{{{principal_hash(principal)}}}"


def part_name(call_id: str, index: int | str) -> str:
    """The field of `blob` with one piece of a large result; without index, how all begin."""
    return f"part:{call_id}:{index}"


def parts_left_by(names: Iterable[str], turn: int) -> list[str]:
    """Those pieces that calls of this turn, or of one before, have left behind."""
    calls = {name: _PART_OF_CALL.match(name) for name in names}
    return [name for name, found in calls.items() if found and int(found[1]) <= turn]
