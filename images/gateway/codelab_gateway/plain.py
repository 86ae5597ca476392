"""What a plain client gets: the frames that existing clients know, as they expect them. Pure.

The rules P1 to P20 of docs/protocol.md say which client each of them is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

TEXT_PREFIX: Final = b'{"type":"assistant_message"'
MAX_HELD_BYTES: Final = 512 * 1024
"""Bytes of the events whose text is held. A frame says its text twice, as an event does, so that
what is held always fits into one frame."""
MAX_DELTA_CHARS: Final = 64 * 1024
"""Text of one frame made here: even if each character takes six bytes, twice, it fits."""
RESTARTED: Final = "\n\n[answer restarted]\n\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame for the client; `call_seq` is the event of a tool call that starts with it."""

    frame: bytes
    call_seq: int | None = None


@dataclass(slots=True)
class _OpenCall:
    """A call without result: its fields as they are now, the frame they make, who has seen it."""

    event: dict[str, Any]
    frame: bytes
    is_shown: bool = False
    is_answered: bool = False


class PlainView:
    """Turns events into the frames of one plain connection.

    `whole_turns`: text is held and sent as one frame per answer, for clients that show every frame
    as a bubble of its own.
    """

    def __init__(self, connection_id: str, *, whole_turns: bool) -> None:
        self._connection_id = connection_id
        self._whole_turns = whole_turns
        self._is_driver = True  # the newest connection is, until an event says otherwise
        self._held: list[dict[str, Any]] = []
        self._held_bytes = 0
        self._calls: dict[str, _OpenCall] = {}

    def begin(self, snapshot: Mapping[str, Any]) -> list[Shown]:
        """P12: open calls again, and the text so far of an answer under way."""
        self._calls, self._held, self._held_bytes = {}, [], 0
        shown: list[Shown] = []
        for call in snapshot.get("tool_calls", ()):
            event = {name: value for name, value in call.items() if name != "state"}
            shown += self._tool_call(event, orjson.dumps(event))
        turn = snapshot.get("turn") or {}
        # a call that follows a message ends it: the client has its text from the history
        is_over = any(call.event["message_id"] == turn.get("message_id") for call in self._open)
        if turn.get("text") and not is_over:
            shown += self._text_so_far(turn)
        return shown

    @property
    def _open(self) -> list[_OpenCall]:
        """Calls without result, in the order of their numbers."""
        return list(self._calls.values())

    def _text_so_far(self, turn: Mapping[str, Any]) -> list[Shown]:
        """The text of an open answer, in pieces that fit into a frame."""
        text, shown = turn["text"], []
        for start in range(0, len(text), MAX_DELTA_CHARS):
            shown += self._text(_delta(turn, text[start : start + MAX_DELTA_CHARS]).frame)
        return shown

    def answered(self, call_id: str) -> None:
        """The client has sent the call's result: a decision before it is no news to it (P11)."""
        if call_id in self._calls:
            self._calls[call_id].is_answered = True

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
                shown = self._driven_by(event.get("driver"))
            case "turn_completed":
                self._calls = {}
        return shown

    def _text(self, data: bytes) -> list[Shown]:
        """A delta: passed on as it is, or held until the answer is whole."""
        if not self._whole_turns:
            return [Shown(data)]
        event = orjson.loads(data)
        shown = []
        if self._held_bytes + len(data) > MAX_HELD_BYTES:
            shown += self._flush()
        self._held.append(event)
        self._held_bytes += len(data)
        if event["is_final"]:
            shown += self._flush(is_final=True)
        return shown

    def _flush(self, *, is_final: bool = False) -> list[Shown]:
        """One frame of everything held; nothing held: none."""
        held, self._held, self._held_bytes = self._held, [], 0
        text = "".join(event["token"] for event in held)
        return [_delta(held[-1], text, is_final=is_final)] if text or is_final else []

    def _tool_call(self, event: dict[str, Any], data: bytes) -> list[Shown]:
        """A call goes to the driver only; the text before it is shown to all."""
        call = self._calls[event["call_id"]] = _OpenCall(event, data)
        return [*self._flush(), *self._show(call)]

    def _show(self, call: _OpenCall) -> list[Shown]:
        """The frame of a call, for the driver, unless it has it; the text before it comes first."""
        if call.is_shown or not self._is_driver:
            return []
        call.is_shown = True
        return [*self._flush(), Shown(call.frame, call.event["seq"])]

    def _driven_by(self, driver: str | None) -> list[Shown]:
        """Somebody came or left: who becomes the driver gets the calls that it has not seen."""
        self._is_driver = driver == self._connection_id
        return [shown for call in self._open for shown in self._show(call)]

    def _resolved(self, event: Mapping[str, Any]) -> list[Shown]:
        """P11: a call that was approved or edited comes again, now without a question."""
        call = self._calls.get(event["call_id"])
        if call is None:
            return []
        if event["phase"] == "result" or event["outcome"] == "rejected":
            del self._calls[event["call_id"]]
            return []
        final = {k: event[k] for k in ("arguments", "guard", "digest") if k in event}
        call.event = {**call.event, **final, "requires_approval": False}
        call.frame = orjson.dumps(call.event)
        call.is_shown = call.is_answered
        return self._show(call)

    def _retracted(self, event: Mapping[str, Any]) -> list[Shown]:
        """P16: what is held is dropped; what was shown cannot be, so the client is told."""
        if event["reason"] != "regenerated":
            return []  # a queued message was taken back; no text was shown for it
        if self._whole_turns:
            self._held, self._held_bytes = [], 0
            return []
        return [_delta({"turn_id": "", **event}, RESTARTED)]


def _delta(ids: Mapping[str, Any], text: str, *, is_final: bool = False) -> Shown:
    """A frame of text made here; `token` and `content` are equal (P5)."""
    frame = {
        "type": "assistant_message",
        "turn_id": ids["turn_id"],
        "message_id": ids["message_id"],
        "token": text,
        "content": text,
        "is_final": is_final,
    }
    return Shown(orjson.dumps(frame))
