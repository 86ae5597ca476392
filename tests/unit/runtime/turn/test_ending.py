"""Every end of a turn leaves one final frame, no open call and no running inference."""

import re
from hashlib import sha256
from typing import Any

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.events import ErrorFrame, TurnCompleted
from codelab_runtime.preparing import Split
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.draft import Draft, TextDelta
from codelab_runtime.turn.ending import CANCELLED_BODY, finish
from codelab_runtime.turn.facts import Infer, Rules
from codelab_runtime.turn.state import SessionState
from fakes.turns import START_MS, Session, bodies, kinds

EDIT = ("write_file", {"path": "a", "content": "x"})


def test_a_completed_turn_says_what_it_used_and_the_hashes_of_its_texts() -> None:
    session = Session()
    session.say()
    session.answer("Reading.", ("read_file", {"path": "a"}))
    session.work_out("c1-1-0")
    session.result("c1-1-0", result={"content": "x"})
    session.now_ms += 1500

    events = session.answer("Done.")

    digests = [
        {"message_id": name, "chars": len(text), "sha256": sha256(text.encode()).hexdigest()}
        for name, text in (("m1-1-0", "Reading."), ("m1-2-0", "Done."))
    ]
    assert bodies(events)[-1] == {
        "type": "turn_completed",
        "turn_id": "t1",
        "reason": "completed",
        "model": "m-1",
        "provider": "scripted",
        "usage": {
            "inferences": 2,
            "prompt_tokens": 10,
            "tool_calls": 1,
            "duration_ms": 1500,
        },
        "digests": digests,
    }


def test_a_cancelled_turn_cancels_its_calls_and_closes_their_dialogs() -> None:
    session = Session()
    session.attach()
    session.say()
    session.answer("", EDIT, ("read_file", {"path": "b"}), EDIT)
    session.work_out("c1-1-0")
    session.work_out("c1-1-1")

    events = session.command("cancel")

    def resolved(call_id: str) -> dict[str, Any]:
        return {
            "type": "tool_resolved",
            "turn_id": "t1",
            "call_id": call_id,
            "phase": "result",
            "outcome": "cancelled",
            "code": "CANCELLED",
        }

    assert bodies(events)[:2] == [resolved("c1-1-0"), resolved("c1-1-1")]
    assert kinds(events)[2:] == ["assistant_message", "turn_completed"]
    assert session.slots == {
        "c1-1-0": "cancelled",
        "c1-1-0#a": "cancelled",
        "c1-1-1": "cancelled",
    }
    told = session.state.history[-3:]
    assert [m.call_id for m in told] == ["c1-1-0", "c1-1-1", "c1-1-2"]
    assert {str(m.body) for m in told} == {str(CANCELLED_BODY)}
    assert session.effects == []


def test_a_turn_cancelled_in_the_middle_of_an_answer_keeps_what_was_shown() -> None:
    session = Session()
    session.say()
    session.stream("Half an ans")
    inference_id = session.turn.inference_id

    events = session.command("cancel")

    digest = sha256(b"Half an ans").hexdigest()
    assert events[-1]["digests"] == [{"message_id": "m1-1-0", "chars": 11, "sha256": digest}]
    assert session.journal[-1] == rec.TurnDone(
        turn=1, reason="cancelled", text="Half an ans", at_ms=START_MS
    )
    assert session.state.history[-1].content == "Half an ans"
    assert session.effects == [Infer("cancel", inference_id)]


def test_a_failed_turn_shows_the_error_before_its_final_frame() -> None:
    session = Session()
    session.say()
    draft = Draft(session.state, session.rules, START_MS)

    finish(draft, "failed", CodelabError(Code.TURN_POISONED).to_wire())

    assert [getattr(event, "type", "text") for event in draft.events] == [
        "error",
        "text",
        "turn_completed",
    ]
    assert draft.effects == []


@pytest.mark.parametrize("reason", ["completed", "cancelled", "failed"])
def test_without_a_turn_there_is_nothing_to_end(reason: Any) -> None:
    draft = Draft(SessionState("s1"), Rules(), START_MS)

    finish(draft, reason)

    assert (draft.events, draft.records, draft.effects) == ([], [], [])


def test_a_clock_that_went_back_makes_no_negative_duration() -> None:
    session = Session()
    session.say()
    session.now_ms -= 5000

    events = session.answer("Hi")

    assert events[-1]["usage"]["duration_ms"] == 0


@pytest.mark.parametrize("code", Code)
def test_every_error_reaches_people_with_code_sentence_and_whether_to_try_again(code: Code) -> None:
    """W-06, R-21."""
    session = Session()
    session.say()
    error = CodelabError(code)

    draft = Draft(session.state, Rules(), START_MS)
    finish(draft, "failed", error.to_wire())

    shown, final, completed = draft.events
    assert isinstance(shown, ErrorFrame)
    assert (shown.code, shown.retryable) == (code, error.kind.again.value)
    assert shown.message == shown.content == error.message
    assert re.fullmatch(r"[A-Z].*\.", shown.message)
    assert isinstance(final, TextDelta)
    assert final.is_final
    assert isinstance(completed, TurnCompleted)
    assert (completed.reason, completed.error and completed.error.code) == ("failed", code)


def test_a_patch_that_is_written_file_by_file_says_on_cancel_what_is_written() -> None:
    session = Session()
    session.attach()
    session.say()
    session.answer("", ("apply_patch", {"diff": "d"}))
    session.work_out("c1-1-0", Split("", {"files": []}, {"hunks": []}, {"a": "x", "b": "y"}))
    session.work_out("c1-1-0-f0")

    events = session.command("cancel")

    settled = {r.call_id: r for r in session.journal if isinstance(r, rec.ToolSettled)}
    failed = [
        {"path": path, "call_id": f"c1-1-0-f{n}", **CANCELLED_BODY["error"]}
        for n, path in enumerate("ab")
    ]
    assert settled["c1-1-0"].body == {
        "success": False,
        "atomic": False,
        "applied": [],
        "files": [],
        "files_modified": [],
        "error": {**CANCELLED_BODY["error"], "details": {"failed": failed}},
    }
    assert [e["call_id"] for e in events if e["type"] == "tool_resolved"] == ["c1-1-0-f0"]
