"""The model is asked and answers: text, calls, ends of all kinds."""

from hashlib import sha256
from typing import Any

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.asking import MAX_GENERATIONS, MAX_SQUEEZES
from codelab_runtime.turn.draft import MAX_DELTA_CHARS
from codelab_runtime.turn.facts import (
    CallArrived,
    Chunks,
    Infer,
    InferenceEnded,
    InferenceFailed,
    InferenceLost,
    Restarted,
    Rules,
)
from codelab_runtime.turn.messages import inference_id
from codelab_runtime.turn.state import Call, Message, joined
from fakes.turns import DONE, SIX, START_MS, Session, bare, bodies, kinds

FAILURE: dict[str, Any] = {
    "code": "PROVIDER_TIMEOUT",
    "class": "silent",
    "message": "The model did not answer in time.",
    "retryable": True,
    "retry_after_ms": 500,
    "fault": "provider",
}


def running(**rules: Any) -> Session:
    session = Session(Rules(plain_tools=SIX, **rules))
    session.say()
    return session


def delta(text: str, message_id: str = "m1-1-0", *, final: bool = False) -> dict[str, Any]:
    return {
        "type": "assistant_message",
        "turn_id": "t1",
        "message_id": message_id,
        "token": text,
        "content": text,
        "is_final": final,
    }


def call(index: int = 0, tool: str = "read_file") -> rec.AskedTool:
    return rec.AskedTool(call_id=f"c1-1-{index}", tool=tool, arguments={"path": "a"})


def test_text_is_shown_as_it_comes_and_its_place_is_remembered() -> None:
    session = running()

    events = [*session.stream("Hel", 1, 11), *session.stream("lo", 3, 33)]

    assert bodies(events) == [delta("Hel"), delta("lo")]
    assert joined(session.turn.shown) == "Hello"
    assert (session.turn.shown_chunks, session.turn.crc) == (3, 33)
    assert session.journal[-1].rec == "llm_req"


def test_a_long_piece_becomes_several_events() -> None:
    session = running()

    events = session.stream("x" * (MAX_DELTA_CHARS + 1), 1, 11)

    assert [len(event["token"]) for event in events] == [MAX_DELTA_CHARS, 1]


def test_text_after_the_first_call_is_held_until_the_answer_ends() -> None:
    """R-10."""
    session = running()
    session.stream("Reading. ", 1, 11)

    session.feed(CallArrived(session.turn.inference_id, call()))
    held = session.stream("And then", 3, 33)
    events = session.answer()

    assert held == []
    assert bodies(events) == [delta("And then")]
    assert session.state.history[-1] == Message(
        "assistant", 1, START_MS, "m1-1-0", "Reading. And then", calls=(call(),)
    )


def test_a_position_is_never_past_what_is_held() -> None:
    session = running()
    session.stream("Reading. ", 1, 11)

    session.feed(CallArrived(session.turn.inference_id, call()))
    session.stream("And then", 3, 33)

    assert (session.turn.shown_chunks, session.turn.crc) == (1, 11)


def test_a_call_that_comes_twice_is_one_call() -> None:
    session = running()

    for _ in range(2):
        session.feed(CallArrived(session.turn.inference_id, call()))

    assert session.turn.held_calls == (call(),)


def test_a_whole_answer_is_journaled_with_its_calls() -> None:
    """R-07, R-10: text, finish reason and usage are kept."""
    session = running()

    session.answer("Hi", ("read_file", {"path": "a"}), provider_state="opaque")

    assert session.journal[-1] == rec.LlmDone(
        message_id="m1-1-0",
        text="Hi",
        calls=[call()],
        finish="stop",
        chunks=3,
        model="m-1",
        provider="scripted",
        provider_state="opaque",
        usage={"prompt_tokens": 5},
        at_ms=START_MS,
    )
    assert session.turn.calls == (Call("c1-1-0", "read_file", {"path": "a"}),)


def test_an_answer_without_calls_ends_the_turn() -> None:
    session = running()

    events = session.answer("Hi")

    assert kinds(events) == ["assistant_message", "assistant_message", "turn_completed"]
    assert bodies(events)[1] == delta("", final=True)
    assert events[2]["reason"] == "completed"


def test_a_restarted_answer_takes_back_what_was_shown() -> None:
    session = running()
    session.stream("Wrong", 2, 22)
    session.feed(CallArrived(session.turn.inference_id, call()))

    events = session.news(Restarted(session.turn.inference_id))
    more = session.stream("Right", 5, 55)

    assert bodies([*events, *more]) == [
        {
            "type": "message_retracted",
            "message_id": "m1-1-0",
            "turn_id": "t1",
            "reason": "regenerated",
            "replaced_by": "m1-1-1",
        },
        delta("Right", "m1-1-1"),
    ]
    assert session.turn.held_calls == ()
    assert session.turn.inference_id == inference_id("s1", 1, 1, 0)


def test_a_restart_before_anything_was_shown_says_nothing() -> None:
    session = running()
    session.feed(CallArrived(session.turn.inference_id, call()))

    events = session.news(Restarted(session.turn.inference_id))

    assert events == []
    assert session.turn.held_calls == ()
    assert session.turn.answer_id == "m1-1-0"


def test_a_failed_inference_fails_the_turn_with_its_error() -> None:
    session = running()
    session.stream("Half")

    events = session.news(InferenceFailed(session.turn.inference_id, FAILURE))

    digest = sha256(b"Half").hexdigest()
    assert bodies(events) == [
        {
            "type": "error",
            "code": "PROVIDER_TIMEOUT",
            "class": "silent",
            "message": "The model did not answer in time.",
            "content": "The model did not answer in time.",
            "retryable": True,
            "retry_after_ms": 500,
            "turn_id": "t1",
        },
        delta("", final=True),
        {
            "type": "turn_completed",
            "turn_id": "t1",
            "reason": "failed",
            "model": "default",
            "usage": {"inferences": 1, "tool_calls": 0, "duration_ms": 0},
            "digests": [{"message_id": "m1-1-0", "chars": 4, "sha256": digest}],
            "error": {
                "code": "PROVIDER_TIMEOUT",
                "class": "silent",
                "message": "The model did not answer in time.",
            },
        },
    ]
    assert session.effects == []


def test_a_lost_record_is_asked_for_again_and_the_text_is_taken_back() -> None:
    session = running()
    session.stream("Half")

    events = session.news(InferenceLost(session.turn.inference_id))

    again = inference_id("s1", 1, 1, 1)
    assert kinds(events) == ["message_retracted"]
    assert session.journal[-1] == rec.LlmRequested(
        step=1, gen=1, retracted=1, inference_id=again, seq=4, at_ms=START_MS
    )
    assert session.turn.answer_id == "m1-1-1"
    assert session.effects == [Infer("open", again)]


def test_a_lost_record_of_which_nothing_was_shown_is_asked_for_silently() -> None:
    session = running()

    events = session.news(InferenceLost(session.turn.inference_id))

    assert events == []
    assert session.turn.answer_id == "m1-1-0"


def test_a_step_is_sampled_three_times_at_most() -> None:
    session = running()

    for _ in range(MAX_GENERATIONS - 1):
        session.feed(InferenceLost(session.turn.inference_id))
    events = session.news(InferenceLost(session.turn.inference_id))

    assert kinds(events) == ["error", "assistant_message", "turn_completed"]
    assert (events[0]["code"], events[0]["class"]) == ("PROVIDER_ERROR", "cut")


TOO_LONG = CodelabError(Code.CONTEXT_TOO_LONG, "context_length").to_wire()


def test_a_request_that_a_provider_finds_too_long_is_made_again_with_half_of_the_text() -> None:
    """E-19."""
    session = running()

    events = session.news(InferenceFailed(session.turn.inference_id, TOO_LONG))

    again = inference_id("s1", 1, 1, 1)
    assert events == []
    assert session.effects == [Infer("open", again)]
    assert (session.turn.squeezes, session.turn.answer_id) == (1, "m1-1-0")
    assert bare(session.state) == bare(session.folded)


def test_a_turn_once_squeezed_stays_so_for_its_next_steps() -> None:
    session = running()
    session.feed(InferenceFailed(session.turn.inference_id, TOO_LONG))

    session.answer("", ("read_file", {"path": "a"}))
    session.work_out("c1-1-0")
    session.result("c1-1-0", result={"content": "x"})

    assert (session.turn.step, session.turn.squeezes) == (2, 1)


def test_a_turn_is_squeezed_twice_at_most() -> None:
    session = running()

    for _ in range(MAX_SQUEEZES):
        session.feed(InferenceFailed(session.turn.inference_id, TOO_LONG))
    events = session.news(InferenceFailed(session.turn.inference_id, TOO_LONG))

    assert kinds(events) == ["error", "assistant_message", "turn_completed"]
    assert (events[0]["code"], events[0]["class"]) == ("CONTEXT_TOO_LONG", "context_length")


def test_a_request_that_we_know_not_to_fit_is_not_made_again() -> None:
    session = running()
    ours = CodelabError(Code.CONTEXT_TOO_LONG, "context_length", max=1, needed=2).to_wire()

    events = session.news(InferenceFailed(session.turn.inference_id, ours))

    assert kinds(events) == ["error", "assistant_message", "turn_completed"]


def test_an_answer_that_was_shown_in_part_is_not_asked_for_again() -> None:
    session = running()
    session.stream("Well")

    events = session.news(InferenceFailed(session.turn.inference_id, TOO_LONG))

    assert kinds(events) == ["error", "assistant_message", "turn_completed"]


def test_a_model_that_loops_for_ever_ends_at_the_step_limit() -> None:
    """R-12."""
    session = running(max_steps=2)
    for step in (1, 2):
        session.answer("", ("read_file", {"path": "a"}))
        session.work_out(f"c1-{step}-0")
        events = session.result(f"c1-{step}-0", result={"content": "x"})

    assert kinds(events) == ["tool_resolved", "error", "assistant_message", "turn_completed"]
    assert (events[1]["code"], events[1]["class"]) == ("TURN_LIMIT", "steps")
    assert events[1]["details"] == {"limit": 2}
    assert events[3]["reason"] == "limit"


def test_a_steering_message_is_told_before_the_turn_may_end() -> None:
    session = running()
    session.say("also b", "u2", delivery="steer")

    events = session.answer("Done a.")

    assert kinds(events) == ["assistant_message"]
    assert session.turn.step == 2
    assert session.state.history[-1] == Message("user", 1, START_MS, "u2", "also b")


@pytest.mark.parametrize(
    "fact",
    [
        pytest.param(Chunks("i-old", "x", 1, 1), id="text"),
        pytest.param(CallArrived("i-old", call()), id="call"),
        pytest.param(Restarted("i-old"), id="restart"),
        pytest.param(InferenceEnded("i-old", 1, DONE, {}), id="end"),
        pytest.param(InferenceFailed("i-old", FAILURE), id="failure"),
        pytest.param(InferenceLost("i-old"), id="loss"),
    ],
)
def test_what_an_inference_that_nobody_wants_any_more_brings_is_dropped(fact: Any) -> None:
    session = running()
    before = session.state

    assert session.news(fact) == []
    assert session.state == before
