"""What asking, answering and taking back leave in the state."""

from dataclasses import replace

from codelab_runtime.turn import records as rec
from codelab_runtime.turn.inference_records import done, requested, retracted
from codelab_runtime.turn.state import (
    Call,
    Connection,
    Message,
    QueuedMessage,
    SessionState,
    Turn,
)

TURN = Turn(1, "u1", "hello", "m", 5)
STATE = SessionState("s1", turn=TURN, history=(Message("user", 1, 5, "u1", "hello"),))
REQUEST = rec.LlmRequested(step=2, gen=1, retracted=1, inference_id="i-2", seq=9, at_ms=6)
ASKED = rec.AskedTool(call_id="c1-2-0", tool="read_file", arguments={"path": "a"})
ANSWER = rec.LlmDone(
    message_id="m1-2-1",
    text="hi",
    calls=[ASKED],
    finish="tool_calls",
    chunks=4,
    model="m-2",
    provider="p",
    provider_state="opaque",
    usage={"prompt_tokens": 3},
    at_ms=7,
)
HI_SHA = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"


def test_a_request_begins_an_empty_step() -> None:
    used = replace(
        TURN,
        calls=(Call("c1-1-0", "t", {}, phase="settled"),),
        shown=(None, "x"),
        shown_chunks=3,
        crc=4,
        held_calls=(ASKED,),
        held_text=(None, "y"),
        computing=frozenset({"c1-1-0"}),
        inferences=1,
    )

    asked = requested(REQUEST, replace(STATE, turn=used))

    expected = replace(
        TURN,
        step=2,
        gen=1,
        retracted=1,
        inference_id="i-2",
        request_seq=9,
        asking=True,
        inferences=2,
    )
    assert asked == replace(STATE, turn=expected)


def test_the_tools_of_the_driver_at_that_moment_are_remembered() -> None:
    driver = Connection("x1", "c1", "driver", "v1", ("read_file",))

    asked = requested(REQUEST, replace(STATE, connections=(driver,)))
    alone = requested(REQUEST, STATE)

    assert asked.turn is not None
    assert asked.turn.asked_tools == ("read_file",)
    assert alone.turn is not None
    assert alone.turn.asked_tools is None


def test_notes_and_steering_messages_join_the_history_in_that_order() -> None:
    note = Message("note", 1, 6, "", call_id="c0", body={"late": True})
    steer = QueuedMessage("u2", "also this", "steer", None, 6)
    waiting = QueuedMessage("u3", "later", "queue", None, 6)

    asked = requested(REQUEST, replace(STATE, notes=(note,), queue=(steer, waiting)))

    told = Message("user", 1, 6, "u2", "also this")
    assert asked.history == (*STATE.history, note, told)
    assert asked.notes == ()
    assert asked.queue == (waiting,)


def test_an_answer_joins_the_history_and_plans_its_calls() -> None:
    asking = replace(TURN, step=2, retracted=1, asking=True, shown=(None, "hi"), tool_calls=1)
    before = replace(STATE, turn=replace(asking, usage={"prompt_tokens": 2, "cached_tokens": 1}))

    answered = done(ANSWER, before)

    message = Message("assistant", 1, 7, "m1-2-1", "hi", calls=(ASKED,), provider_state="opaque")
    turn = replace(
        TURN,
        step=2,
        retracted=1,
        calls=(Call("c1-2-0", "read_file", {"path": "a"}),),
        tool_calls=2,
        usage={"prompt_tokens": 5, "cached_tokens": 1},
        answered_by="m-2",
        provider="p",
        digests=(("m1-2-1", 2, HI_SHA),),
    )
    assert answered == replace(STATE, turn=turn, history=(*STATE.history, message), updated_ms=7)


def test_a_turn_that_the_scripted_provider_had_a_part_in_bears_its_name() -> None:
    """X-14."""
    scripted = ANSWER.model_copy(update={"model": "scripted/agent", "provider": "scripted"})

    orders = [(ANSWER, scripted), (scripted, ANSWER), (ANSWER, ANSWER)]
    turns = [done(last, done(first, STATE)).turn for first, last in orders]

    named = [(turn.answered_by, turn.provider) for turn in turns if turn]
    assert named == [("scripted/agent", "scripted"), ("scripted/agent", "scripted"), ("m-2", "p")]


def test_an_answer_without_text_has_no_digest() -> None:
    answered = done(ANSWER.model_copy(update={"text": ""}), STATE)

    assert answered.turn is not None
    assert answered.turn.digests == ()


def test_what_is_taken_back_leaves_nothing_but_the_count() -> None:
    shown = replace(
        TURN, shown=(None, "x"), held_calls=(ASKED,), held_text=(None, "y"), shown_chunks=3
    )
    record = rec.LlmRetracted(message_id="m1-0-0", reason="regenerated")

    after = retracted(record, replace(STATE, turn=shown))

    assert after == replace(STATE, turn=replace(TURN, retracted=1, shown_chunks=3))


def test_without_a_turn_these_records_change_nothing() -> None:
    state = SessionState("s1")
    record = rec.LlmRetracted(message_id="m1-0-0", reason="regenerated")

    assert requested(REQUEST, state) == state
    assert done(ANSWER, state) == state
    assert retracted(record, state) == state
