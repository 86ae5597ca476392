from typing import Any

import orjson
import pytest

from codelab_core.protocol.frames import SNAPSHOT_MAX_BYTES
from codelab_runtime.view import View

TURN = [
    {"type": "client_attached", "driver": "x1"},
    {"type": "message_accepted", "message_id": "u1", "content": "hi", "turn_id": "t1"},
    {"type": "turn_started", "message_id": "u1", "turn_id": "t1"},
]
SAID = {"type": "assistant_message", "message_id": "m1", "turn_id": "t1", "token": "Hel"}
CALL = {"type": "tool_call", "call_id": "c1", "requires_approval": True, "arguments": {"p": 1}}
ENDS = {"type": "turn_completed", "turn_id": "t1"}


def view(*events: dict[str, Any]) -> View:
    made = View()
    made.take_all(orjson.dumps({"seq": n, **event}) for n, event in enumerate(events, 1))
    return made


def resolved(phase: str, outcome: str, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_resolved", "call_id": "c1", "phase": phase, "outcome": outcome, **fields}


def user(message_id: str = "u1", text: str = "hi", turn_id: str = "t1") -> dict[str, Any]:
    return {"message_id": message_id, "role": "user", "content": text, "turn_id": turn_id}


def test_a_finished_turn_leaves_its_texts() -> None:
    final = {**SAID, "token": "", "is_final": True}
    made = view(*TURN, SAID, {**SAID, "token": "lo"}, CALL, final, ENDS)

    shown = made.snapshot({"id": "s"}, ["k/1"])

    assert shown.model_dump(exclude_none=True) == {
        "session": {"id": "s"},
        "messages": [
            user(),
            {"message_id": "m1", "role": "assistant", "content": "Hello", "turn_id": "t1"},
        ],
        "tool_calls": [],
        "queue": [],
        "cids": ["k/1"],
        "driver": "x1",
        "truncated": False,
    }
    assert made.seq == 8


def test_a_running_turn_shows_its_text_so_far_and_its_calls() -> None:
    shown = view(*TURN, SAID, CALL).snapshot({}, [])

    assert shown.turn == {
        "turn_id": "t1",
        "state": "active",
        "message_id": "m1",
        "text": "Hel",
    }
    assert shown.tool_calls == [{**CALL, "seq": 5, "state": "awaiting_approval"}]


def test_text_of_no_turn_is_shown_too() -> None:
    assert view(SAID).snapshot({}, []).messages[0]["content"] == "Hel"


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (resolved("decision", "approved"), "ready"),
        (resolved("decision", "edited", arguments={"p": 2}), "ready"),
        (resolved("decision", "rejected"), None),
        (resolved("result", "completed"), None),
        ({**resolved("result", "completed"), "call_id": "c9"}, "awaiting_approval"),
    ],
)
def test_a_call_is_shown_until_it_has_its_outcome(event: dict[str, Any], state: str | None) -> None:
    calls = view(*TURN, CALL, event).snapshot({}, []).tool_calls

    assert [call["state"] for call in calls] == ([state] if state else [])
    if "arguments" in event:
        assert (calls[0]["arguments"], calls[0]["requires_approval"]) == ({"p": 2}, False)


def test_a_message_waits_until_its_turn_begins() -> None:
    waits = {"type": "message_accepted", "message_id": "u2", "content": "next"}
    starts = {"type": "turn_started", "message_id": "u2", "turn_id": "t2"}

    waiting, begun = view(*TURN, waits), view(*TURN, waits, ENDS, starts)

    assert waiting.snapshot({}, []).queue == [{"message_id": "u2", "content": "next"}]
    assert begun.snapshot({}, []).queue == []
    assert begun.snapshot({}, []).messages == [user(), user("u2", "next", "t2")]


def test_what_was_taken_back_is_not_shown() -> None:
    back = {"type": "message_retracted", "message_id": "m1"}

    assert view(*TURN, SAID, back).snapshot({}, []).messages == [user()]


def test_a_client_that_leaves_may_leave_no_driver() -> None:
    assert view(*TURN, {"type": "client_detached"}).snapshot({}, []).driver is None


def test_an_unknown_event_moves_the_position_only() -> None:
    assert view({"type": "error"}) == View(seq=1)


def test_the_oldest_messages_go_first() -> None:
    long = "x" * 100_000
    events = [
        {"type": "message_accepted", "message_id": f"u{n}", "content": long, "turn_id": "t"}
        for n in range(20)
    ]

    shown = view(*events).snapshot({}, [])

    assert shown.truncated
    assert [message["message_id"] for message in shown.messages] == [f"u{n}" for n in range(13, 20)]
    assert len(shown.encode()) <= SNAPSHOT_MAX_BYTES
