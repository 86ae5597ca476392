"""What a client shows of a session: the fold of its events. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from codelab_core.protocol.events import Snapshot
from codelab_core.protocol.frames import SNAPSHOT_MAX_BYTES

FRAME_BYTES: Final = 256
"""What the frame adds around a snapshot."""


@dataclass(slots=True)
class View:
    """The state that the events up to `seq` leave on a screen."""

    seq: int = 0
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    queue: dict[str, str] = field(default_factory=dict)
    turn: dict[str, Any] | None = None
    driver: str | None = None

    def take_all(self, events: Iterable[bytes]) -> None:
        """More events, oldest first, as they are in the log."""
        for event in events:
            self.take(orjson.loads(event))

    def take(self, event: Mapping[str, Any]) -> None:
        """One more event."""
        self.seq = event["seq"]
        match event["type"]:
            case "assistant_message":
                self._text(event)
            case "tool_call":
                state = "awaiting_approval" if event["requires_approval"] else "ready"
                self.calls[event["call_id"]] = {**event, "state": state}
            case "tool_resolved":
                self._resolved(event)
            case "client_attached" | "client_detached":
                self.driver = event.get("driver")
            case "message_accepted" | "message_retracted" | "turn_started" | "turn_completed":
                self._message(event)

    def _message(self, event: Mapping[str, Any]) -> None:
        """Typed messages and the turns that they start."""
        message_id = event.get("message_id", "")
        match event["type"]:
            case "message_accepted" if "turn_id" in event:
                self._asked(message_id, event["content"], event["turn_id"])
            case "message_accepted":
                self.queue[message_id] = event["content"]
            case "message_retracted":
                for known in (self.queue, self.messages, self.texts):
                    known.pop(message_id, None)
            case "turn_started":
                waited = self.queue.pop(message_id, None)
                if waited is not None:
                    self._asked(message_id, waited, event["turn_id"])
                self.turn = {"turn_id": event["turn_id"], "state": "active"}
            case _:
                self.turn, self.calls = None, {}

    def _asked(self, message_id: str, content: str, turn_id: str) -> None:
        """A message of the person."""
        self.messages[message_id] = {
            "message_id": message_id,
            "role": "user",
            "content": content,
            "turn_id": turn_id,
        }

    def _text(self, event: Mapping[str, Any]) -> None:
        """A piece of an answer."""
        message_id = event["message_id"]
        if not event["token"]:
            return
        if message_id not in self.messages:
            self.messages[message_id] = {
                "message_id": message_id,
                "role": "assistant",
                "content": "",
                "turn_id": event["turn_id"],
            }
        self.texts.setdefault(message_id, []).append(event["token"])
        if self.turn:
            self.turn["message_id"] = message_id

    def _resolved(self, event: Mapping[str, Any]) -> None:
        """A call was decided, or is over."""
        call = self.calls.get(event["call_id"])
        if call is None:
            return
        if event["phase"] == "result" or event["outcome"] == "rejected":
            del self.calls[event["call_id"]]
            return
        call |= {"state": "ready", "requires_approval": False}
        call |= {k: event[k] for k in ("arguments", "guard", "digest") if k in event}

    def snapshot(self, session: Mapping[str, Any], cids: list[str]) -> Snapshot:
        """The view as one frame of at most 768 KiB: the oldest messages go first.

        Open calls, waiting messages and the text under way are always whole.
        """
        messages = [
            {**message, "content": message["content"] or "".join(self.texts.get(name, ()))}
            for name, message in self.messages.items()
        ]
        turn = self.turn
        if turn and "message_id" in turn:
            turn = {**turn, "text": "".join(self.texts.get(turn["message_id"], ()))}
        bare = Snapshot(
            session=dict(session),
            messages=[],
            turn=turn,
            tool_calls=list(self.calls.values()),
            queue=[{"message_id": name, "content": text} for name, text in self.queue.items()],
            cids=cids,
            driver=self.driver,
        )
        kept = _newest(messages, SNAPSHOT_MAX_BYTES - len(bare.encode()) - FRAME_BYTES)
        is_cut = len(kept) < len(messages)
        return bare.model_copy(update={"messages": kept, "truncated": is_cut})


def _newest(messages: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """As many of the last messages as fit into `limit` bytes."""
    size = 0
    for index in range(len(messages) - 1, -1, -1):
        size += len(orjson.dumps(messages[index])) + 1  # the comma
        if size > limit:
            return messages[index + 1 :]
    return messages
