"""What a session says, as this client has seen it: the fold of its frames. Pure.

Checks what it is told: numbers without gap, texts that match their digests.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Frame = Mapping[str, Any]


class TranscriptError(Exception):
    """The stream of events broke its promise; the text says how."""


@dataclass(slots=True)
class Transcript:
    """Texts by message id, calls that are open, and the position in the log."""

    epoch: str = ""
    seq: int = 0
    texts: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    driver: str | None = None
    turn_id: str | None = None
    finals: int = 0

    def take(self, frame: Frame) -> bool:
        """One more frame; false for an event that was seen before.

        Raises `TranscriptError` for a gap, or a text that is not what the server says it is.
        """
        if frame["type"] == "resync":
            self._restart(frame)
            return True
        if "seq" in frame and not self._is_next(frame["seq"]):
            return False
        known = self._kinds().get(frame["type"])
        if known:
            known(frame)
        return True

    def _kinds(self) -> dict[str, Callable[[Frame], None]]:
        """What each type of frame changes; other types change nothing here."""
        return {
            "welcome": self._welcome,
            "assistant_message": self._text,
            "message_retracted": self._retracted,
            "tool_call": self._called,
            "tool_resolved": self._resolved,
            "client_attached": self._connections,
            "client_detached": self._connections,
            "turn_started": self._turn,
            "turn_completed": self._turn,
        }

    def text(self, message_id: str) -> str:
        """The text of a message so far."""
        return "".join(self.texts.get(message_id, ()))

    def _is_next(self, seq: int) -> bool:
        """Whether an event is new; a gap is a fault of the server."""
        if seq <= self.seq:
            return False
        if seq != self.seq + 1:
            raise TranscriptError(f"event {seq} came after event {self.seq}")
        self.seq = seq
        return True

    def _restart(self, frame: Frame) -> None:
        """A snapshot replaces everything."""
        snapshot = frame["snapshot"]
        self.epoch, self.seq = frame["epoch"], frame["seq"]
        messages = snapshot["messages"]
        self.texts = {m["message_id"]: [m["content"]] for m in messages if m["role"] == "assistant"}
        self.calls = {call["call_id"]: dict(call) for call in snapshot.get("tool_calls", ())}
        self.driver = snapshot.get("driver")
        turn = snapshot.get("turn")
        self.turn_id = turn["turn_id"] if turn else None

    def _welcome(self, frame: Frame) -> None:
        """A socket is live."""
        self.epoch = frame["epoch"]

    def _retracted(self, frame: Frame) -> None:
        """A text is void."""
        self.texts.pop(frame["message_id"], None)

    def _called(self, frame: Frame) -> None:
        """A call is open."""
        self.calls[frame["call_id"]] = dict(frame)

    def _connections(self, frame: Frame) -> None:
        """Who runs the tools now."""
        self.driver = frame.get("driver")

    def _text(self, frame: Frame) -> None:
        """A delta of an answer."""
        self.finals += frame["is_final"]
        if frame["token"]:
            self.texts.setdefault(frame["message_id"], []).append(frame["token"])

    def _resolved(self, frame: Frame) -> None:
        """A call was decided, or is over."""
        call = self.calls.get(frame["call_id"])
        if call is None:
            return
        if frame["phase"] == "result" or frame["outcome"] == "rejected":
            del self.calls[frame["call_id"]]
            return
        call["requires_approval"] = False
        call |= {name: frame[name] for name in ("arguments", "guard", "digest") if name in frame}

    def _turn(self, frame: Frame) -> None:
        """A turn begins or ends; at its end the texts are compared with their digests."""
        if frame["type"] == "turn_started":
            self.turn_id = frame["turn_id"]
            return
        self.turn_id, self.calls = None, {}
        for digest in frame.get("digests", ()):
            text = self.text(digest["message_id"])
            known = digest["message_id"] in self.texts
            if known and hashlib.sha256(text.encode()).hexdigest() != digest["sha256"]:
                raise TranscriptError(f"the text of {digest['message_id']} is not what was written")
