"""Answers that were sent a moment ago, for calls that come twice. Pure."""

from typing import Final

from codelab_client.journal import CallKey
from codelab_client.result_parts import Frame

_MAX_CALLS: Final = 64
_MAX_CHARS: Final = 16 << 20

Frames = list[Frame]


class Recent:
    """The frames of the last calls: 64 of them, 16 Mi characters in pieces, until acknowledged."""

    def __init__(self) -> None:
        self._frames: dict[CallKey, Frames] = {}

    def get(self, key: CallKey) -> Frames | None:
        """The frames of a call, if they are still here."""
        return self._frames.get(key)

    def keep(self, key: CallKey, frames: Frames) -> None:
        """Remember the frames of a call; the oldest ones go."""
        self._frames[key] = frames
        while len(self._frames) > _MAX_CALLS or self._size() > _MAX_CHARS:
            del self._frames[next(iter(self._frames))]

    def forget(self, call_id: str) -> None:
        """Drop all that has this id."""
        for key in [key for key in self._frames if key.call_id == call_id]:
            del self._frames[key]

    def _size(self) -> int:
        """Characters of all pieces; a frame without one is small (half a mebibyte at most)."""
        return sum(
            len(frame.get("chunk", "")) for frames in self._frames.values() for frame in frames
        )
