import hashlib
from typing import Any

import pytest

from codelab_client.transcript import Transcript, TranscriptError


def token(seq: int, text: str, message_id: str = "m1-1-0", **fields: Any) -> dict[str, Any]:
    message = {"type": "assistant_message", "turn_id": "t1", "message_id": message_id}
    return {**message, "seq": seq, "token": text, "content": text, "is_final": False, **fields}


def completed(seq: int, text: str, message_id: str = "m1-1-0") -> dict[str, Any]:
    digest = hashlib.sha256(text.encode()).hexdigest()
    digests = [{"message_id": message_id, "chars": len(text), "sha256": digest}]
    event = {"type": "turn_completed", "turn_id": "t1", "reason": "completed"}
    return {**event, "seq": seq, "digests": digests}


def taken(*frames: dict[str, Any]) -> Transcript:
    transcript = Transcript()
    for frame in frames:
        transcript.take(frame)
    return transcript


def test_deltas_make_the_text() -> None:
    transcript = taken(token(1, "Hel"), token(2, "lo"), token(3, "", is_final=True))

    assert transcript.text("m1-1-0") == "Hello"
    assert transcript.finals == 1
    assert transcript.seq == 3


def test_an_event_that_was_seen_before_changes_nothing() -> None:
    transcript = taken(token(1, "Hel"))

    assert transcript.take(token(1, "Hel")) is False
    assert transcript.text("m1-1-0") == "Hel"


def test_a_gap_is_a_fault_of_the_server() -> None:
    transcript = taken(token(1, "Hel"))

    with pytest.raises(TranscriptError, match="event 3 came after event 1"):
        transcript.take(token(3, "lo"))


def test_a_text_that_is_not_what_was_written_is_found_out() -> None:
    transcript = taken(token(1, "Hello"))

    with pytest.raises(TranscriptError, match="m1-1-0"):
        transcript.take(completed(2, "Hullo"))


def test_the_digest_of_a_text_that_was_not_shown_here_is_not_compared() -> None:
    transcript = taken(completed(1, "Hello", message_id="m0-1-0"))

    assert transcript.turn_id is None


def test_a_retracted_text_is_forgotten() -> None:
    retracted = {"type": "message_retracted", "seq": 2, "message_id": "m1-1-0"}

    transcript = taken(token(1, "Hel"), retracted)

    assert transcript.texts == {}


def test_calls_are_open_until_they_are_resolved() -> None:
    call = {"type": "tool_call", "seq": 1, "call_id": "c1", "requires_approval": True}
    approved = {
        "type": "tool_resolved",
        "seq": 2,
        "call_id": "c1",
        "phase": "decision",
        "outcome": "edited",
        "arguments": {"path": "b"},
    }
    result = {**approved, "seq": 3, "phase": "result", "outcome": "completed"}

    transcript = taken(call, approved)
    after_decision = dict(transcript.calls)
    transcript.take(result)

    expected = {**call, "requires_approval": False, "arguments": {"path": "b"}}
    assert after_decision == {"c1": expected}
    assert transcript.calls == {}


def test_a_rejected_call_is_over() -> None:
    call = {"type": "tool_call", "seq": 1, "call_id": "c1", "requires_approval": True}
    rejected = {"call_id": "c1", "phase": "decision", "outcome": "rejected"}

    transcript = taken(call, {"type": "tool_resolved", "seq": 2, **rejected})

    assert transcript.calls == {}


def test_the_end_of_an_unknown_call_changes_nothing() -> None:
    resolved = {"call_id": "c9", "phase": "result", "outcome": "completed"}

    transcript = taken({"type": "tool_resolved", "seq": 1, **resolved})

    assert transcript.calls == {}


def test_the_driver_follows_the_connections() -> None:
    transcript = taken({"type": "client_attached", "seq": 1, "driver": "x1"})
    before = transcript.driver
    transcript.take({"type": "client_detached", "seq": 2})

    assert (before, transcript.driver) == ("x1", None)


def test_a_snapshot_replaces_everything() -> None:
    transcript = taken(token(1, "old"))
    snapshot = {
        "messages": [
            {"message_id": "u-1", "role": "user", "content": "hi", "turn_id": "t1"},
            {"message_id": "m1-1-0", "role": "assistant", "content": "Hel", "turn_id": "t1"},
        ],
        "turn": {"turn_id": "t1", "state": "active"},
        "tool_calls": [{"call_id": "c1", "requires_approval": False}],
        "driver": "x1",
    }

    transcript.take({"type": "resync", "epoch": "e2", "seq": 7, "snapshot": snapshot})
    transcript.take(token(8, "lo"))

    assert transcript.text("m1-1-0") == "Hello"
    assert (transcript.epoch, transcript.seq, transcript.turn_id) == ("e2", 8, "t1")
    assert set(transcript.calls) == {"c1"}
    assert transcript.driver == "x1"


def test_a_snapshot_between_turns_has_no_turn() -> None:
    transcript = taken({"type": "resync", "epoch": "e", "seq": 1, "snapshot": {"messages": []}})

    assert transcript.turn_id is None


def test_a_turn_that_starts_is_known_until_it_ends() -> None:
    transcript = taken({"type": "turn_started", "seq": 1, "turn_id": "t1", "message_id": "u"})
    during = transcript.turn_id
    transcript.take(completed(2, ""))

    assert (during, transcript.turn_id) == ("t1", None)


def test_the_welcome_names_the_epoch() -> None:
    assert taken({"type": "welcome", "epoch": "e1"}).epoch == "e1"


def test_frames_of_other_types_are_passed_on() -> None:
    transcript = Transcript()

    assert transcript.take({"type": "status", "state": "live"}) is True
    assert transcript.take({"type": "something_new", "seq": 1}) is True
    assert transcript.seq == 1
