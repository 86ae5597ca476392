from typing import Any

import pytest

from codelab_client.asked import UNTOLD, Asked

STARTED = {"type": "turn_started", "turn_id": "t1", "message_id": "u1"}
COMPLETED = {"type": "turn_completed", "turn_id": "t1", "reason": "completed"}
KEPT = {"message_id": "u1", "role": "user", "content": "hi", "turn_id": "t1"}
ANSWER = {"message_id": "m1-1-0", "role": "assistant", "content": "Hello", "turn_id": "t1"}


def resync(**snapshot: Any) -> dict[str, Any]:
    return {"type": "resync", "snapshot": {"messages": [], "queue": [], **snapshot}}


def asked(*frames: dict[str, Any]) -> Asked:
    """One that sent `u1`, and saw some frames since."""
    found = Asked()
    found.expect("u1")
    assert found.must_send("u1")
    for frame in frames:
        found.take(frame)
    return found


def test_a_message_is_sent_once() -> None:
    found = asked()

    assert not found.must_send("u1")


def test_its_end_is_that_of_the_turn_that_took_it() -> None:
    found = asked({**COMPLETED, "turn_id": "t0"}, STARTED)
    before = found.end("u1")

    found.take(COMPLETED)

    assert before is None
    assert found.end("u1") == COMPLETED


def test_a_message_of_somebody_else_has_no_end_here() -> None:
    found = asked({**STARTED, "message_id": "u9"}, COMPLETED)

    assert found.end("u9") is None


@pytest.mark.parametrize(
    ("frames", "snapshot"),
    [
        pytest.param([], {"messages": [KEPT], "turn": {"turn_id": "t1"}}, id="it runs"),
        pytest.param([STARTED], {"turn": {"turn_id": "t1"}, "truncated": True}, id="it is cut off"),
    ],
)
def test_a_turn_that_is_still_under_way_goes_on(
    frames: list[dict[str, Any]], snapshot: dict[str, Any]
) -> None:
    found = asked(*frames, resync(**snapshot))
    before = found.end("u1")

    found.take(COMPLETED)

    assert before is None
    assert found.end("u1") == COMPLETED
    assert not found.must_send("u1")


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param({"messages": [KEPT, ANSWER]}, id="nothing runs"),
        pytest.param({"messages": [KEPT], "turn": {"turn_id": "t2"}}, id="another runs"),
    ],
)
def test_a_turn_that_ended_unseen_has_an_end_without_a_reason(snapshot: dict[str, Any]) -> None:
    found = asked(resync(**snapshot))

    assert found.end("u1") == {
        "type": "turn_completed",
        "turn_id": "t1",
        "reason": UNTOLD,
        "usage": {},
    }
    assert not found.must_send("u1")


def test_a_message_that_waits_in_the_queue_is_not_sent_again() -> None:
    found = asked(resync(queue=[{"message_id": "u1", "content": "hi"}]))

    assert not found.must_send("u1")
    assert found.end("u1") is None


def test_a_message_that_was_lost_is_sent_once_more_and_may_get_the_same_turn_id() -> None:
    found = asked(STARTED, resync())
    again = [found.must_send("u1"), found.must_send("u1")]
    found.take(COMPLETED)
    before = found.end("u1")

    for frame in (STARTED, COMPLETED):
        found.take(frame)

    assert again == [True, False]
    assert before is None
    assert found.end("u1") == COMPLETED


def test_an_end_that_was_seen_stands() -> None:
    found = asked(STARTED, COMPLETED, resync())

    assert found.end("u1") == COMPLETED
    assert not found.must_send("u1")


def test_what_nobody_waits_for_is_forgotten() -> None:
    found = asked(STARTED, COMPLETED)

    found.forget("u1")
    found.take(resync())

    assert found.end("u1") is None
    assert not found.must_send("u1")
