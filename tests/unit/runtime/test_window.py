"""What of the history goes into a request."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.showing import MARK
from codelab_runtime.telling import size_of, told
from codelab_runtime.turn.records import AskedTool
from codelab_runtime.turn.state import Message
from codelab_runtime.window import MAX_MESSAGES, Model, Room, fitted, tokens_of
from fakes.histories import note, person, step

TEXT = {"success": True, "content": "x" * 900}
LONG = {"success": True, "content": "x" * 3_000}


def talk(turns: int, body: dict[str, Any] = TEXT) -> list[Message]:
    messages = []
    for turn in range(1, turns + 1):
        messages += [person(f"question {turn}", turn), *step(body, turn=turn)]
        messages += step(turn=turn, text=f"answer {turn}", number=2)
    return messages


def whole(history: list[Message]) -> list[dict[str, Any]]:
    return [told(message, 1 << 20) for message in history]


def test_everything_goes_where_there_is_room() -> None:
    history = [*talk(3), note("c1-1-0", TEXT)]

    window = fitted(history, 3, Room(1 << 20, 1 << 16))

    assert (window.messages, window.left_out) == (whole(history), 0)


def test_a_session_without_history_has_nothing_to_tell() -> None:
    assert fitted([], 1, Room(100, 100)).messages == []


def test_old_results_are_shortened_before_anything_is_left_out() -> None:
    history = talk(6, LONG)

    window = fitted(history, 6, Room(10_000, 1 << 16))

    results = [message["content"] for message in window.messages if message["role"] == "tool"]
    assert window.left_out == 0
    assert all(MARK in result for result in results)
    assert [len(result) // 1_000 for result in results] == [0, 0, 0, 0, 0, 2]


def test_the_oldest_go_when_shortening_is_not_enough_and_a_person_begins() -> None:
    history = talk(30, {"success": True, "content": "x" * 500})

    window = fitted(history, 30, Room(10_000, 1 << 16))

    count = len(window.messages)
    assert window.messages == whole(history)[-count:]
    assert window.messages[0]["role"] == "user"
    assert window.left_out == len(history) - count > 0


def test_what_the_person_asked_in_this_turn_stays_though_it_is_old() -> None:
    steps = [m for number in range(1, 40) for m in step(TEXT, turn=2, number=number)]
    history = [*talk(1), person("the task", 2), *steps, person("by the way", 2)]

    window = fitted(history, 2, Room(10_000, 1 << 16))

    assert window.messages[0] == {"role": "user", "content": "the task"}
    assert window.messages[1]["role"] == "assistant"
    assert window.messages[-1] == {"role": "user", "content": "by the way"}


def test_requests_begin_alike_until_the_room_is_used_up_again() -> None:
    room, firsts = Room(12_000, 1 << 16), []
    history = talk(100)

    for end in range(40, 100):
        messages = history[: end * 4 + 1]
        firsts.append(str(fitted(messages, end + 1, room).messages[0]))

    assert len(set(firsts)) <= 15


def test_the_newest_step_is_shortened_to_fit_as_a_last_resort() -> None:
    history = [person(), *step(*[LONG] * 8)]

    window = fitted(history, 1, Room(5_000, 1 << 16))

    assert [message["role"] for message in window.messages] == ["user", "assistant", *["tool"] * 8]
    assert sum(map(size_of, window.messages)) <= 5_000
    assert all(MARK in message["content"] for message in window.messages[2:])


def test_what_went_before_a_question_can_go_as_a_whole() -> None:
    history = [person("x" * 9_000, 1), person("and now?", 2)]

    window = fitted(history, 2, Room(5_000, 1 << 16))

    assert (window.messages, window.left_out) == ([{"role": "user", "content": "and now?"}], 1)


def test_long_arguments_are_shortened_too() -> None:
    call = AskedTool(call_id="c", tool="write_file", arguments={"content": "x" * 50_000})
    answer = Message("assistant", 1, 0, "m", calls=(call,))
    result = Message("tool", 1, 0, "", call_id="c", body={"success": True})

    window = fitted([person(), answer, result], 1, Room(4_000, 1 << 16))

    assert sum(map(size_of, window.messages)) <= 4_000


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([person("x" * 9_000)], id="the question"),
        pytest.param([person(), *step(*[TEXT] * 60)], id="the step"),
    ],
)
def test_what_cannot_fit_is_an_error_that_says_how_much_it_is(history: list[Message]) -> None:
    with pytest.raises(CodelabError) as caught:
        fitted(history, 1, Room(3_200, 1 << 16))

    wire = caught.value.to_wire()
    assert (wire["code"], wire["class"]) == (Code.CONTEXT_TOO_LONG, "context_length")
    assert wire["details"]["max"] == 1_000
    assert wire["details"]["needed"] > 1_000


def test_more_messages_than_the_proxy_takes_are_too_many() -> None:
    history = [person("x", turn) for turn in range(2 * MAX_MESSAGES)]

    window = fitted(history, 2 * MAX_MESSAGES - 1, Room(10_000_000, 1 << 16))

    assert MAX_MESSAGES // 2 < len(window.messages) <= MAX_MESSAGES


def test_a_result_takes_a_quarter_of_the_room_at_most() -> None:
    window = fitted([person(), *step(LONG)], 1, Room(3_600, 1 << 16))

    assert len(window.messages[-1]["content"]) <= 900


BODIES = st.builds(lambda size: {"success": True, "content": "y\n" * size}, st.integers(0, 2_000))
STEPS = st.lists(BODIES, max_size=3)
TURNS = st.lists(
    st.tuples(st.text(max_size=50), st.lists(STEPS, max_size=4)), min_size=1, max_size=8
)


def history_of(turns: list[tuple[str, list[list[dict[str, Any]]]]]) -> list[Message]:
    history: list[Message] = []
    for turn, (text, steps) in enumerate(turns, 1):
        history.append(person(text, turn))
        for number, bodies in enumerate(steps, 1):
            history += step(*bodies, turn=turn, number=number)
    return history


@settings(max_examples=200)
@given(TURNS, st.integers(6_000, 40_000))
def test_every_request_fits_and_no_call_is_parted_from_its_result(
    turns: list[tuple[str, list[list[dict[str, Any]]]]], total: int
) -> None:
    """R-08."""
    history = history_of(turns)

    window = fitted(history, len(turns), Room(total, 65_536))

    assert sum(len(orjson.dumps(message)) + 1 for message in window.messages) <= total
    waiting: list[str] = []
    for message in window.messages:
        if message["role"] == "tool":
            waiting.remove(message["call_id"])
        else:
            assert waiting == []
            waiting = [call["call_id"] for call in message.get("tool_calls", ())]
    assert waiting == []
    assert window.messages[0]["role"] == "user"
    assert {"role": "user", "content": turns[-1][0]} in window.messages
    assert len(window.messages) + window.left_out == len(history)
    assert window.messages[-1]["role"] == told(history[-1], 256)["role"]


@pytest.mark.parametrize(
    ("model", "room"),
    [
        pytest.param(Model("x", 4_096, 4_096), int(3_072 * 3.2), id="a quarter for the answer"),
        pytest.param(Model("x", 200_000, 8_000), int(192_000 * 3.2), id="a short answer"),
    ],
)
def test_the_room_is_the_window_less_the_answer(model: Model, room: int) -> None:
    assert model.room_bytes == room


@pytest.mark.parametrize(("size", "tokens"), [(0, 0), (1, 1), (32, 10), (33, 11)])
def test_tokens_are_estimated_from_bytes_and_never_too_few(size: int, tokens: int) -> None:
    assert tokens_of(size) == tokens
