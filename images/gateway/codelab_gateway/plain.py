"""What a plain client gets: the frames that existing clients know, as they expect them. Pure.

The rules P1 to P20 of docs/protocol.md say which client each of them is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

TEXT_PREFIX: Final = b'{"type":"assistant_message"'
MAX_HELD_CHARS: Final = 512 * 1024
RESTARTED: Final = "\n\n[answer restarted]\n\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame for the client; `call_seq` is the event of a tool call that starts with it."""

    frame: bytes
    call_seq: int | None = None


class PlainView:
    """Turns events into the frames of one plain connection.

    `whole_turns`: text is held and sent as one frame per answer, for clients that show every frame
    as a bubble of its own.
    """

    def __init__(self, connection_id: str, *, whole_turns: bool) -> None:
        self._connection_id = connection_id
        self._whole_turns = whole_turns
        self._is_driver = True  # the newest connection is, until an event says otherwise
        self._held: list[str] = []
        self._held_chars = 0
        self._questions: dict[str, dict[str, Any]] = {}

    def begin(self, snapshot: Mapping[str, Any]) -> list[Shown]:
        """P12: open calls again, and the text so far of an answer under way."""
        shown = []
        turn = snapshot.get("turn") or {}
        if turn.get("text"):
            text = {
                "type": "assistant_message",
                "turn_id": turn["turn_id"],
                "message_id": turn["message_id"],
                "token": turn["text"],
                "content": turn["text"],
                "is_final": False,
            }
            shown += self._text(orjson.dumps(text))
        for call in snapshot.get("tool_calls", ()):
            frame = {name: value for name, value in call.items() if name != "state"}
            shown += self._tool_call(frame, orjson.dumps(frame))
        return shown

    def event(self, data: bytes) -> list[Shown]:
        """The frames that one event leads to. Hot for text: benchmarks/token_path.py."""
        if data.startswith(TEXT_PREFIX):
            return self._text(data)
        event = orjson.loads(data)
        shown: list[Shown] = []
        match event["type"]:
            case "tool_call":
                shown = self._tool_call(event, data)
            case "tool_resolved":
                shown = self._resolved(event)
            case "error":
                shown = [Shown(data)]
            case "message_retracted":
                shown = self._retracted(event)
            case "client_attached" | "client_detached":
                self._is_driver = event.get("driver") == self._connection_id
        return shown

    def _text(self, data: bytes) -> list[Shown]:
        """A delta: passed on as it is, or held until the answer is whole."""
        if not self._whole_turns:
            return [Shown(data)]
        event = orjson.loads(data)
        self._held.append(event["token"])
        self._held_chars += len(event["token"])
        if not event["is_final"] and self._held_chars < MAX_HELD_CHARS:
            return []
        return self._flush(event, is_final=event["is_final"])

    def _flush(self, event: Mapping[str, Any], *, is_final: bool) -> list[Shown]:
        """One frame of everything held; nothing held and not final: none."""
        text = "".join(self._held)
        self._held, self._held_chars = [], 0
        if not text and not is_final:
            return []
        ids = {name: event[name] for name in ("turn_id", "message_id")}
        fields = {"token": text, "content": text, "is_final": is_final}
        return [Shown(orjson.dumps({"type": "assistant_message", **ids, **fields}))]

    def _tool_call(self, event: dict[str, Any], data: bytes) -> list[Shown]:
        """A call goes to the driver only; the text before it is shown first."""
        shown = self._flush(event, is_final=False)
        if not self._is_driver:
            return shown
        if event["requires_approval"]:
            self._questions[event["call_id"]] = event
        return [*shown, Shown(data, event["seq"])]

    def _resolved(self, event: Mapping[str, Any]) -> list[Shown]:
        """P11: a call that was approved or edited comes again, now without a question."""
        asked = self._questions.pop(event["call_id"], None)
        if asked is None or event["phase"] != "decision" or event["outcome"] == "rejected":
            return []
        final = {k: event[k] for k in ("arguments", "guard", "digest") if k in event}
        return [Shown(orjson.dumps({**asked, **final, "requires_approval": False}))]

    def _retracted(self, event: Mapping[str, Any]) -> list[Shown]:
        """P16: what is held is dropped; what was shown cannot be, so the client is told."""
        if event["reason"] != "regenerated":
            return []
        if self._whole_turns:
            self._held, self._held_chars = [], 0
            return []
        fields = {"token": RESTARTED, "content": RESTARTED, "is_final": False}
        ids = {"turn_id": event.get("turn_id", ""), "message_id": event["message_id"]}
        return [Shown(orjson.dumps({"type": "assistant_message", **ids, **fields}))]
