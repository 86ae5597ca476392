"""Typed text, connections, names, and the end of a session."""

from typing import Any

import pytest

from codelab_runtime.turn import records as rec
from codelab_runtime.turn.facts import Infer, Rules
from codelab_runtime.turn.messages import inference_id
from codelab_runtime.turn.state import Connection, QueuedMessage
from fakes.turns import SIX, START_MS, Session, bodies, kinds

FIRST = inference_id("s1", 1, 1, 0)


def accepted(message_id: str = "u1", text: str = "hello", **fields: Any) -> dict[str, Any]:
    event = {
        "type": "message_accepted",
        "message_id": message_id,
        "content": text,
        "delivery": "queue",
    }
    return event | fields


def test_the_first_message_starts_a_turn_and_asks_the_model() -> None:
    session = Session()

    events = session.say(cid="k-1", at_ms=7)

    assert events == [
        accepted(cid="k-1", turn_id="t1") | {"seq": 1},
        {
            "type": "turn_started",
            "seq": 2,
            "turn_id": "t1",
            "message_id": "u1",
            "model": "default",
        },
    ]
    assert session.journal == [
        rec.TurnStarted(turn=1, message_id="u1", text="hello", model="default", at_ms=START_MS),
        rec.LlmRequested(step=1, gen=0, inference_id=FIRST, seq=2, at_ms=START_MS),
    ]
    assert session.effects == [Infer("open", FIRST)]


@pytest.mark.parametrize(
    ("named", "session_model", "model"),
    [
        pytest.param("m-9", "m-2", "m-9", id="the-message's-own"),
        pytest.param(None, "m-2", "m-2", id="the-session's"),
        pytest.param(None, "", "standard", id="the-default"),
    ],
)
def test_the_model_is_the_nearest_one_named(
    named: str | None, session_model: str, model: str
) -> None:
    session = Session(Rules(default_model="standard"))
    if session_model:
        session.command("rename", model=session_model)

    session.say(model=named)

    assert session.turn.model == model


def test_a_second_message_waits_for_its_own_turn() -> None:
    session = Session()
    session.say()

    events = session.say("more", "u2", at_ms=9)

    assert bodies(events) == [accepted("u2", "more")]
    assert session.state.queue == (QueuedMessage("u2", "more", "queue", None, 9),)
    assert session.effects == []


def test_a_waiting_message_takes_its_turn_without_being_shown_again() -> None:
    session = Session()
    session.say()
    session.say("more", "u2")

    events = session.answer("Done.")

    assert kinds(events) == [
        "assistant_message",
        "assistant_message",
        "turn_completed",
        "turn_started",
    ]
    assert session.turn.message_id == "u2"
    assert session.effects == [Infer("open", inference_id("s1", 2, 1, 0))]


def test_a_waiting_message_is_edited_by_its_id_and_keeps_its_place() -> None:
    session = Session()
    session.say()
    session.say("two", "u2")
    session.say("three", "u3")

    session.say("two, better", "u2")

    assert [(m.message_id, m.text) for m in session.state.queue] == [
        ("u2", "two, better"),
        ("u3", "three"),
    ]


def test_a_steering_message_belongs_to_the_running_turn() -> None:
    session = Session()
    session.say()

    events = session.say("hurry", "u2", delivery="steer")

    assert bodies(events) == [accepted("u2", "hurry", delivery="steer", turn_id="t1")]


def test_a_steering_message_without_a_turn_starts_one() -> None:
    session = Session()

    events = session.say(delivery="steer")

    assert kinds(events) == ["message_accepted", "turn_started"]


def test_an_interrupting_message_ends_the_turn_and_runs_before_those_that_wait() -> None:
    session = Session()
    session.say()
    session.say("later", "u2")

    events = session.say("now", "u3", delivery="interrupt")

    assert kinds(events) == [
        "assistant_message",
        "turn_completed",
        "message_accepted",
        "turn_started",
    ]
    assert events[1]["reason"] == "interrupted"
    assert session.turn.message_id == "u3"
    assert session.effects == [
        Infer("cancel", FIRST),
        Infer("open", inference_id("s1", 2, 1, 0)),
    ]


@pytest.mark.parametrize(
    "fields",
    [pytest.param({}, id="the-running-one"), pytest.param({"turn_id": "t1"}, id="by-its-id")],
)
def test_cancel_ends_the_turn(fields: dict[str, Any]) -> None:
    session = Session()
    session.say()

    events = session.command("cancel", **fields)

    assert kinds(events) == ["assistant_message", "turn_completed"]
    assert events[1]["reason"] == "cancelled"
    assert session.state.turn is None


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"turn_id": "t7"}, id="another-turn"),
        pytest.param({"message_id": "u9"}, id="another-message"),
    ],
)
def test_cancel_of_something_else_changes_nothing(fields: dict[str, Any]) -> None:
    session = Session()
    session.say()

    assert session.command("cancel", **fields) == []
    assert session.turn.asking


def test_cancel_without_a_turn_changes_nothing() -> None:
    session = Session()

    assert session.command("cancel") == []
    assert session.journal == []


def test_a_waiting_message_can_be_taken_back() -> None:
    session = Session()
    session.say()
    session.say("more", "u2")

    events = session.command("cancel", message_id="u2")

    assert bodies(events) == [
        {"type": "message_retracted", "message_id": "u2", "reason": "cancelled"}
    ]
    assert session.state.queue == ()
    assert session.turn.asking


@pytest.mark.parametrize(
    ("mode", "tools", "expected"),
    [
        pytest.param("plain", None, ("read_file", "write_file"), id="plain-by-setting"),
        pytest.param("v1", None, SIX, id="v1-all-six"),
        pytest.param("v1", ["git.diff"], ("git.diff",), id="as-declared"),
        pytest.param("v1", [], (), id="none-at-all"),
    ],
)
def test_a_connection_joins_with_its_tools(
    mode: Any, tools: list[str] | None, expected: tuple[str, ...]
) -> None:
    session = Session(Rules(plain_tools=("read_file", "write_file")))

    events = session.attach(mode, tools=tools)

    assert bodies(events) == [
        {
            "type": "client_attached",
            "connection_id": "x1",
            "client_id": "client-x1",
            "role": "driver",
            "mode": mode,
            "driver": "x1",
        }
    ]
    assert session.state.driver == Connection("x1", "client-x1", "driver", mode, expected)


def test_an_observer_joins_without_becoming_driver() -> None:
    session = Session()

    (event,) = session.attach(role="observer")

    assert "driver" not in event


def test_the_driver_leaves_and_the_newest_other_takes_over() -> None:
    session = Session()
    session.attach()
    session.attach("plain", "x2")

    (event,) = session.command("detach", connection_id="x2")

    assert bodies([event]) == [
        {
            "type": "client_detached",
            "connection_id": "x2",
            "client_id": "client-x2",
            "role": "driver",
            "mode": "plain",
            "driver": "x1",
        }
    ]


def test_a_connection_leaves_once() -> None:
    session = Session()
    session.attach()
    session.command("detach", connection_id="x1")

    assert session.command("detach", connection_id="x1") == []


def test_a_session_is_renamed_without_an_event() -> None:
    session = Session()

    events = session.command("rename", title="A", model="m-2")

    assert events == []
    assert session.journal == [rec.Renamed(title="A", model="m-2")]


def test_a_closed_session_ends_its_turn_and_takes_nothing_more() -> None:
    session = Session()
    session.say()
    session.say("more", "u2")

    events = session.command("close")

    assert kinds(events) == ["assistant_message", "turn_completed"]
    assert session.state.closed
    assert session.state.queue == ()
    assert session.say("again", "u3") == []
    assert session.state.consumed == session.commands


def test_a_session_without_a_turn_closes_silently() -> None:
    session = Session()

    assert session.command("close") == []
    assert session.state.closed


def test_an_inference_has_the_same_id_wherever_it_is_asked_for() -> None:
    assert inference_id("s1", 1, 1, 0) == FIRST
    assert FIRST.startswith("i-")
    assert len(FIRST) == 34
    assert len({inference_id("s1", t, s, g) for t in (1, 2) for s in (1, 2) for g in (0, 1)}) == 8
