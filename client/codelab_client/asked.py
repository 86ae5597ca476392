"""Messages that somebody waits for: the turn that took each, and how it ended. Pure."""

from collections.abc import Mapping
from typing import Any, Final

UNTOLD: Final = "unknown"
"""Reason of a turn whose end was not seen: a snapshot says only that it is over."""

Frame = Mapping[str, Any]


class Asked:
    """The fold of a session's frames, for the messages that were sent here.

    A snapshot that replaces what was told settles all of them: the store may have lost a message,
    and what began or ended meanwhile has no event of its own.
    """

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._missing: set[str] = set()
        self._turns: dict[str, str] = {}
        self._ends: dict[str, Frame] = {}

    def expect(self, message_id: str) -> None:
        """A message is about to be sent."""
        self._open.add(message_id)
        self._missing.add(message_id)

    def forget(self, message_id: str) -> None:
        """Nobody waits for it any more."""
        self._open.discard(message_id)
        self._missing.discard(message_id)
        self._turns.pop(message_id, None)
        self._ends.pop(message_id, None)

    def must_send(self, message_id: str) -> bool:
        """Whether the session does not have the message; true once for each time that it is so."""
        is_missing = message_id in self._missing
        self._missing.discard(message_id)
        return is_missing

    def end(self, message_id: str) -> Frame | None:
        """The `turn_completed` of its turn; `None` until then."""
        return self._ends.get(message_id)

    def take(self, frame: Frame) -> None:
        """One more frame."""
        match frame["type"]:
            case "turn_started" if frame["message_id"] in self._open:
                self._turns[frame["message_id"]] = frame["turn_id"]
            case "turn_completed":
                taken = [m for m, turn_id in self._turns.items() if turn_id == frame["turn_id"]]
                self._ends |= dict.fromkeys(taken, frame)
            case "resync":
                self._restart(frame["snapshot"])

    def _restart(self, snapshot: Frame) -> None:
        """Compare what is waited for with what the session has."""
        known = self._turns if snapshot.get("truncated") else {}
        messages = (m for m in snapshot["messages"] if m["role"] == "user")
        known = known | {m["message_id"]: m["turn_id"] for m in messages}
        queued = {message["message_id"] for message in snapshot.get("queue", ())}
        waiting = self._open - self._ends.keys()
        self._missing = waiting - known.keys() - queued
        self._turns = {message_id: known[message_id] for message_id in waiting & known.keys()}
        active = (snapshot.get("turn") or {}).get("turn_id")
        for message_id, turn_id in self._turns.items():
            if turn_id != active:
                facts = {"turn_id": turn_id, "reason": UNTOLD, "usage": {}}
                self._ends[message_id] = {"type": "turn_completed", **facts}
