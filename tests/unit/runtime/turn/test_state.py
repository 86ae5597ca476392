"""State values: immutable, changed by functions that leave the rest alone."""

from dataclasses import replace

import pytest

from codelab_runtime.turn.state import (
    Call,
    Connection,
    QueuedMessage,
    Rope,
    SessionState,
    Turn,
    joined,
    with_call,
    with_turn,
)

TURN = Turn(3, "u1", "hello", "m-1", 5, step=2, retracted=1)


def connection(name: str, role: str = "driver") -> Connection:
    return Connection(name, f"client-{name}", role, "v1", ())  # type: ignore[arg-type]  # a table


def test_a_rope_is_joined_in_the_order_in_which_it_grew() -> None:
    rope = (((None, "one "), "two "), "three")

    assert joined(rope) == "one two three"
    assert joined(None) == ""


def test_a_long_rope_needs_no_recursion() -> None:
    rope: Rope = None
    for _ in range(100_000):
        rope = (rope, "x")

    assert joined(rope) == "x" * 100_000


def test_ids_are_derived_from_numbers() -> None:
    assert (TURN.turn_id, TURN.answer_id) == ("t3", "m3-2-1")


@pytest.mark.parametrize(
    ("roles", "driver"),
    [
        pytest.param([], None, id="nobody"),
        pytest.param([("a", "driver")], "a", id="one"),
        pytest.param([("a", "driver"), ("b", "driver")], "b", id="the-newest"),
        pytest.param([("a", "driver"), ("b", "observer")], "a", id="never-an-observer"),
        pytest.param([("b", "observer")], None, id="observers-only"),
    ],
)
def test_the_driver_is_the_newest_connection_that_is_no_observer(
    roles: list[tuple[str, str]], driver: str | None
) -> None:
    state = SessionState("s1", connections=tuple(connection(*pair) for pair in roles))

    found = state.driver.connection_id if state.driver else None

    assert found == driver


def test_a_connection_is_found_by_its_id() -> None:
    state = SessionState("s1", connections=(connection("a"), connection("b")))

    assert state.connection("b") == connection("b")
    assert state.connection("c") is None
    assert state.connection(None) is None


def test_steering_messages_are_those_that_wait_to_join_the_running_turn() -> None:
    queued = QueuedMessage("u1", "later", "queue", None, 1)
    steer = QueuedMessage("u2", "now", "steer", None, 2)

    assert SessionState("s1", queue=(queued, steer)).steering == (steer,)


def test_calls_without_outcome_keep_the_order_of_the_model() -> None:
    calls = (Call("a", "t", {}, phase="open"), Call("b", "t", {}, phase="settled"))
    turn = replace(TURN, calls=(*calls, Call("c", "t", {})))

    assert [call.call_id for call in turn.unsettled] == ["a", "c"]
    assert turn.call("b") == calls[1]
    assert turn.call("x") is None


@pytest.mark.parametrize(
    ("call", "awaits"),
    [
        pytest.param(Call("a", "t", {}, phase="open", requires_approval=True), True, id="asked"),
        pytest.param(Call("a", "t", {}, phase="open"), False, id="free"),
        pytest.param(Call("a", "t", {}, requires_approval=True), False, id="not-shown-yet"),
    ],
)
def test_only_an_open_call_awaits_a_decision(call: Call, awaits: bool) -> None:  # noqa: FBT001
    assert call.awaits_decision is awaits


def test_without_a_turn_nothing_of_it_changes() -> None:
    state = SessionState("s1")

    assert with_turn(state, step=9) == state
    assert with_call(state, "a", delivered=True) == state


def test_one_call_changes_and_the_others_stay() -> None:
    calls = (Call("a", "t", {}), Call("b", "t", {}))
    state = SessionState("s1", turn=replace(TURN, calls=calls))

    changed = with_call(state, "b", delivered=True)

    expected = replace(TURN, calls=(calls[0], replace(calls[1], delivered=True)))
    assert changed == replace(state, turn=expected)
