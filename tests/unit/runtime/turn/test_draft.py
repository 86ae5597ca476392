"""A step under construction."""

import pytest

from codelab_core.protocol.events import MessageRetracted
from codelab_runtime.turn.draft import MAX_DELTA_CHARS, Draft, TextDelta
from codelab_runtime.turn.facts import Infer, Rules
from codelab_runtime.turn.records import Renamed, TurnStarted
from codelab_runtime.turn.state import SessionState


def draft() -> Draft:
    return Draft(SessionState("s1", head=4), Rules(), 1000)


def test_a_record_is_kept_and_changes_the_state() -> None:
    made = draft()

    made.record(Renamed(title="A title"))

    assert made.records == [Renamed(title="A title")]
    assert made.state == SessionState("s1", head=4, title="A title")


def test_every_event_moves_the_head() -> None:
    made = draft()
    event = MessageRetracted(message_id="u1", reason="cancelled")

    made.emit(event)

    assert made.events == [event]
    assert made.state.head == 5


@pytest.mark.parametrize(
    ("length", "pieces"),
    [
        pytest.param(0, [], id="no-text-no-event"),
        pytest.param(1, [1], id="short"),
        pytest.param(MAX_DELTA_CHARS, [MAX_DELTA_CHARS], id="just-fits"),
        pytest.param(2 * MAX_DELTA_CHARS + 1, [MAX_DELTA_CHARS, MAX_DELTA_CHARS, 1], id="long"),
    ],
)
def test_text_is_shown_in_as_many_events_as_it_takes(length: int, pieces: list[int]) -> None:
    made = draft()
    text = "".join(chr(97 + i % 26) for i in range(length))

    made.show("t1", "m1", text)

    shown = [event for event in made.events if isinstance(event, TextDelta)]
    assert [len(event.text) for event in shown] == pieces
    assert "".join(event.text for event in shown) == text
    assert {(event.turn_id, event.message_id, event.is_final) for event in shown} <= {
        ("t1", "m1", False)
    }


def test_effects_wait_for_the_commit() -> None:
    made = draft()

    made.after(Infer("open", "i-1"))

    assert made.effects == [Infer("open", "i-1")]


def test_the_running_turn_is_the_one_of_the_state_now() -> None:
    made = draft()
    started = TurnStarted(turn=1, message_id="u1", text="hi", model="m", at_ms=1)

    with pytest.raises(LookupError):
        _ = made.turn
    made.record(started)

    assert made.turn.turn_id == "t1"
