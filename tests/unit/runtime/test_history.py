"""A session's past as REST shows it."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_runtime.history import history, pending_approvals, usage
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.records import AskedTool
from codelab_runtime.turn.state import Call, Message, SessionState, Turn
from fakes.histories import note, person, step

AT = "1970-01-01T00:00:00.000Z"
FACTS = {"turn_id": "t1", "created_at": AT}
BODY = {"success": True, "content": "x"}
STATE = SessionState("s1", history=(person("hi"), *step(BODY, text="Reading."), note("c", BODY)))
TURN = Turn(1, "u1", "hi", "m", 1)


def test_text_and_each_call_are_items_and_notes_are_not_shown() -> None:
    found = history(STATE, 10, None)

    function = {"name": "read_file", "arguments": {"path": "a"}}
    assert found.messages == [
        {"role": "user", "content": "hi", "message_id": "u1", **FACTS},
        {"role": "assistant", "content": "Reading.", "message_id": "m1-1-0", **FACTS},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1-1-0", "type": "function", "function": function}],
            "message_id": "m1-1-0",
            **FACTS,
        },
        {
            "role": "tool",
            "tool_call_id": "c1-1-0",
            "content": '{"success":true,"content":"x"}',
            **FACTS,
        },
    ]
    assert (found.session_id, found.message_count, found.last_activity) == ("s1", 4, AT)


def test_calls_without_text_have_no_empty_text() -> None:
    call = AskedTool(call_id="c", tool="t", arguments={})
    state = SessionState("s1", history=(Message("assistant", 1, 0, "m", calls=(call, call)),))

    assert ["content" in item for item in history(state, 10, None).messages] == [False, False]


@pytest.mark.parametrize(
    ("limit", "before", "texts"),
    [
        pytest.param(2, None, ["3", "4"], id="the newest"),
        pytest.param(2, "u4", ["2", "3"], id="those before"),
        pytest.param(9, "u1", ["0"], id="the first"),
        pytest.param(9, "u0", [], id="nothing before the first"),
        pytest.param(9, "u-unknown", [], id="an unknown one"),
    ],
)
def test_pages_go_back_from_the_newest(limit: int, before: str | None, texts: list[str]) -> None:
    state = SessionState("s1", history=tuple(person(str(n), n) for n in range(5)))

    page = history(state, limit, before)

    assert [item["content"] for item in page.messages] == texts


def test_an_outcome_without_body_is_an_empty_object() -> None:
    state = SessionState("s1", history=(Message("tool", 1, 0, "", call_id="c"),))

    assert history(state, 1, None).messages[0]["content"] == "{}"


def test_only_calls_that_wait_for_a_person_are_pending() -> None:
    calls = (
        Call("c1", "write_file", {"path": "a"}, phase="open", requires_approval=True),
        Call("c2", "read_file", {"path": "a"}, phase="open"),
        Call("c3", "write_file", {"path": "b"}, requires_approval=True),
        Call("c4", "write_file", {"path": "c"}, phase="settled", requires_approval=True),
    )

    found = pending_approvals(replace(STATE, turn=replace(TURN, calls=calls)))

    waiting = {
        "call_id": "c1",
        "tool_name": "write_file",
        "arguments": {"path": "a"},
        "created_at": AT,
    }
    assert (found.pending_approvals, found.count) == ([waiting], 1)


def test_nothing_is_pending_between_turns() -> None:
    assert pending_approvals(STATE).count == 0


def asked(at_ms: int) -> rec.LlmRequested:
    return rec.LlmRequested(step=1, gen=0, inference_id="i", seq=0, at_ms=at_ms)


def answered(at_ms: int, **used: Any) -> rec.LlmDone:
    facts: dict[str, Any] = {"message_id": "m", "text": "", "finish": "stop", "chunks": 1}
    return rec.LlmDone(model="m-1", provider="p", usage=used, at_ms=at_ms, **facts)


def test_every_inference_that_ended_is_listed_with_what_it_used() -> None:
    found = usage(
        [
            asked(100),
            answered(350, prompt_tokens=7, completion_tokens=3),
            rec.Detached(connection_id="x"),
            asked(400),
            asked(500),
            answered(600),
        ]
    )

    common = {"success": True, "model": "m-1", "provider": "p"}
    assert found.requests == [
        {"prompt_tokens": 7, "completion_tokens": 3, **common, "duration_ms": 250},
        {**common, "duration_ms": 100},
    ]
    assert (found.total_tokens, found.total_duration_ms) == (10, 350)
