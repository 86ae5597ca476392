"""How each record changes the state; records of inferences are tried in their own file."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_runtime.turn import records as rec
from codelab_runtime.turn.fold import apply, fold
from codelab_runtime.turn.split_record import FileWrite, ToolSplit
from codelab_runtime.turn.state import (
    Answer,
    Call,
    Connection,
    Message,
    QueuedMessage,
    SessionState,
    Turn,
)

EMPTY = SessionState("s1")
TURN = Turn(1, "u1", "hello", "m", 5, step=1)
CALL = Call("c1-1-0", "prompt_user", {"message": "?"})
OPEN = replace(CALL, phase="open", requires_approval=True, digest="d", seq=4)
RUNNING = SessionState("s1", turn=TURN, turns=1)
JOINED = Connection("x1", "c1", "driver", "v1", ("read_file",))


def with_calls(*calls: Call, **fields: Any) -> SessionState:
    return replace(RUNNING, turn=replace(TURN, calls=calls, **fields))


def attached(connection_id: str, tools: list[Any]) -> rec.Attached:
    return rec.Attached(
        connection_id=connection_id, client_id="c1", role="driver", mode="v1", tools=tools
    )


def queued(message_id: str, text: str) -> rec.Queued:
    return rec.Queued(message_id=message_id, text=text, delivery="queue", model="m", at_ms=8)


def waiting(message_id: str, text: str) -> QueuedMessage:
    return QueuedMessage(message_id, text, "queue", "m", 8)


def settled(outcome: rec.Outcome = "completed", **fields: Any) -> rec.ToolSettled:
    known = {"call_id": "c1-1-0", "body": {"success": True}, "at_ms": 9}
    return rec.ToolSettled(outcome=outcome, **known | fields)


SESSION_ROWS = [
    pytest.param(EMPTY, rec.SessionOpened(principal="ann"), {"principal": "ann"}, id="opened"),
    pytest.param(EMPTY, rec.SessionClosed(), {"closed": True}, id="closed"),
    pytest.param(EMPTY, attached("x1", ["read_file"]), {"connections": (JOINED,)}, id="attached"),
    pytest.param(
        replace(EMPTY, connections=(JOINED, replace(JOINED, connection_id="x2"))),
        attached("x1", []),
        {"connections": (replace(JOINED, connection_id="x2"), replace(JOINED, tools=()))},
        id="attached-again-is-the-newest",
    ),
    pytest.param(
        replace(EMPTY, connections=(JOINED,)),
        rec.Detached(connection_id="x1"),
        {"connections": ()},
        id="detached",
    ),
    pytest.param(
        EMPTY,
        queued("u1", "one"),
        {"queue": (waiting("u1", "one"),), "updated_ms": 8},
        id="queued",
    ),
    pytest.param(
        replace(EMPTY, queue=(waiting("u1", "one"), waiting("u2", "two"))),
        queued("u1", "better"),
        {"queue": (waiting("u1", "better"), waiting("u2", "two")), "updated_ms": 8},
        id="queued-again-keeps-its-place",
    ),
    pytest.param(
        replace(EMPTY, queue=(waiting("u1", "one"), waiting("u2", "two"))),
        rec.Dropped(message_id="u1"),
        {"queue": (waiting("u2", "two"),)},
        id="dropped",
    ),
    pytest.param(
        replace(EMPTY, title="old", model="m-1"),
        rec.Renamed(title="", description="about"),
        {"title": "", "description": "about"},
        id="renamed-absent-fields-stay",
    ),
]


@pytest.mark.parametrize(("state", "record", "changes"), SESSION_ROWS)
def test_a_record_changes_what_it_says_and_nothing_else(
    state: SessionState, record: rec.Record, changes: dict[str, Any]
) -> None:
    assert apply(record, state) == replace(state, **changes)


def test_a_turn_begins_with_its_message_in_the_history_and_out_of_the_queue() -> None:
    state = replace(EMPTY, queue=(waiting("u1", "hello"), waiting("u2", "two")))
    text = "  Add logging\nto auth.js, and " + "x" * 100

    started = apply(rec.TurnStarted(turn=1, message_id="u1", text=text, model="m", at_ms=5), state)

    assert started == SessionState(
        "s1",
        queue=(waiting("u2", "two"),),
        turns=1,
        turn=Turn(1, "u1", text, "m", 5),
        history=(Message("user", 1, 5, "u1", text),),
        title="Add logging",
        updated_ms=5,
    )


def test_a_title_that_is_there_stays() -> None:
    started = apply(
        rec.TurnStarted(turn=1, message_id="u1", text="hello", model="m", at_ms=5),
        replace(EMPTY, title="Mine"),
    )

    assert started.title == "Mine"


def test_a_released_call_is_open_as_it_will_run() -> None:
    guard = {"files": [{"path": "a", "pre_sha": "absent"}]}
    record = rec.ToolReleased(
        call_id="c1-1-0",
        tool="prompt_user",
        arguments={"message": "!"},
        digest="d",
        requires_approval=True,
        seq=4,
        guard=guard,
        review={"hunks": []},
        timeout_ms=7,
    )

    released = apply(record, with_calls(CALL, bad_arguments=2))

    call = replace(
        OPEN, arguments={"message": "!"}, guard=guard, review={"hunks": []}, timeout_ms=7
    )
    assert released == with_calls(call)


def test_a_call_of_the_runtime_is_planned_by_its_release() -> None:
    record = rec.ToolReleased(
        call_id="c1-1-r0",
        tool="read_file",
        arguments={"path": "a"},
        digest="d",
        requires_approval=False,
        seq=5,
        origin="runtime",
    )

    released = apply(record, with_calls(CALL))

    own = Call(
        "c1-1-r0", "read_file", {"path": "a"}, phase="open", origin="runtime", digest="d", seq=5
    )
    assert released == with_calls(CALL, own)


CALL_ROWS = [
    pytest.param(
        rec.ToolDelivered(call_id="c1-1-0", deadline_ms=99),
        {"delivered": True, "deadline_ms": 99},
        id="delivered",
    ),
    pytest.param(
        rec.Answered(call_id="c1-1-0", kind="edit", given={"a": 1}, by="ann"),
        {"answer": Answer("edit", {"a": 1}, "ann")},
        id="answered",
    ),
    pytest.param(rec.Reopened(call_id="c1-1-0"), {"answer": None}, id="reopened"),
    pytest.param(
        rec.Decided(call_id="c1-1-0", decision="approved", deadline_ms=50),
        {"requires_approval": False, "deadline_ms": 50},
        id="approved",
    ),
    pytest.param(
        rec.Decided(
            call_id="c1-1-0", decision="edited", arguments={"b": 2}, guard=None, digest="e"
        ),
        {"requires_approval": False, "arguments": {"b": 2}, "edited": True, "digest": "e"},
        id="edited",
    ),
    pytest.param(rec.Decided(call_id="c1-1-0", decision="rejected"), {}, id="rejected-runs-not"),
]


@pytest.mark.parametrize(("record", "changes"), CALL_ROWS)
def test_a_record_about_a_call_changes_that_call(
    record: rec.Record, changes: dict[str, Any]
) -> None:
    other = replace(OPEN, call_id="c1-1-1")

    changed = apply(record, with_calls(OPEN, other))

    assert changed == with_calls(replace(OPEN, **changes), other)


def test_a_settled_call_is_told_to_the_model() -> None:
    call = replace(OPEN, answer=Answer("edit", {}, None))

    after = apply(settled(body={"success": True, "action": "yes"}), with_calls(call))

    told = Message("tool", 1, 9, "", call_id="c1-1-0", body={"success": True, "action": "yes"})
    expected = with_calls(replace(OPEN, phase="settled", outcome="completed"))
    assert after == replace(expected, history=(told,), updated_ms=9)


def test_a_call_of_the_runtime_is_not_told_to_the_model() -> None:
    own = replace(OPEN, origin="runtime")

    after = apply(settled(outcome="failed"), with_calls(own))

    assert after == with_calls(replace(own, phase="settled", outcome="failed"))


@pytest.mark.parametrize(
    ("phase", "code", "before", "after"),
    [
        pytest.param("planned", "INVALID_ARGUMENTS", 1, 2, id="one-more"),
        pytest.param("planned", "TOOL_NOT_FOUND", 2, 0, id="another-fault-begins-anew"),
        pytest.param("open", "INVALID_ARGUMENTS", 2, 2, id="the-client's-fault-does-not-count"),
    ],
)
def test_unusable_arguments_in_a_row_are_counted(
    phase: Any, code: str, before: int, after: int
) -> None:
    state = with_calls(replace(OPEN, phase=phase), bad_arguments=before)

    settled_state = apply(settled(outcome="failed", code=code), state)

    assert settled_state.turn is not None
    assert settled_state.turn.bad_arguments == after


@pytest.mark.parametrize(
    "state",
    [pytest.param(EMPTY, id="no-turn"), pytest.param(with_calls(CALL), id="another-call")],
)
def test_an_outcome_of_an_unknown_call_changes_nothing(state: SessionState) -> None:
    assert apply(settled(call_id="c9-9-9"), state) == state


def test_a_late_result_waits_as_a_note() -> None:
    record = rec.LateResult(call_id="c1-1-0", body={"success": True}, at_ms=9)

    after = apply(record, replace(EMPTY, turns=3))

    note = Message("note", 3, 9, "", call_id="c1-1-0", body={"success": True})
    assert after == replace(EMPTY, turns=3, notes=(note,))


@pytest.mark.parametrize(
    ("text", "history"),
    [
        pytest.param("", (), id="nothing-was-under-way"),
        pytest.param("half", (Message("assistant", 1, 9, "m1-1-0", "half"),), id="half-an-answer"),
    ],
)
def test_a_turn_ends_and_what_was_shown_stays(text: str, history: tuple[Message, ...]) -> None:
    record = rec.TurnDone(turn=1, reason="cancelled", text=text, at_ms=9)

    ended = apply(record, RUNNING)

    assert ended == replace(RUNNING, turn=None, history=history, updated_ms=9)


def test_the_end_of_a_turn_that_is_over_adds_no_text() -> None:
    record = rec.TurnDone(turn=1, reason="cancelled", text="half", at_ms=9)

    assert apply(record, EMPTY) == replace(EMPTY, updated_ms=9)


def test_a_fold_is_one_record_after_the_other() -> None:
    records: list[rec.Record] = [
        rec.SessionOpened(principal="ann"),
        rec.Renamed(title="t"),
        rec.SessionClosed(),
    ]

    assert fold(EMPTY, records) == replace(EMPTY, principal="ann", title="t", closed=True)
    assert fold(EMPTY, []) == EMPTY


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(TypeError, match="AskedTool"):
        apply(rec.AskedTool(call_id="c", tool="t", arguments={}), EMPTY)  # type: ignore[arg-type]  # on purpose


def split(call_id: str = "c1-1-0") -> ToolSplit:
    writes = [FileWrite(call_id=f"{call_id}-f{n}", path=p, content="x") for n, p in enumerate("ab")]
    return ToolSplit(
        call_id=call_id, diff="d", guard={"files": []}, review={"hunks": []}, writes=writes
    )


def test_a_split_patch_stands_behind_its_writes_and_uses_up_its_review() -> None:
    patch, other = Call("c1-1-0", "apply_patch", {"diff": "?"}), replace(CALL, call_id="c1-1-1")
    state = with_calls(patch, other, bad_arguments=2, reviews={"r": "d", "s": "e"})

    after = apply(split(), state)

    writes = [
        Call(
            f"c1-1-0-f{n}",
            "write_file",
            {"path": path, "content": "x"},
            origin="runtime",
            parent="c1-1-0",
        )
        for n, path in enumerate("ab")
    ]
    planned = replace(
        patch, phase="split", arguments={"diff": "d"}, guard={"files": []}, review={"hunks": []}
    )
    assert after == with_calls(*writes, planned, other, reviews={"s": "e"})


def test_a_split_of_no_call_of_ours_and_outside_a_turn_changes_no_call() -> None:
    assert apply(split(), EMPTY) == EMPTY
    assert apply(split("c9"), with_calls(CALL)).turn.calls[-1] == CALL  # type: ignore[union-attr]  # there is a turn


def test_only_a_write_of_a_patch_keeps_what_was_wrong() -> None:
    error = {"code": "CONFLICT", "message": "m", "details": {}}
    record = settled("failed", code="CONFLICT", body={"success": False, "error": error})

    alone = apply(record, with_calls(OPEN))
    part = apply(record, with_calls(replace(OPEN, parent="c1")))

    assert [s.turn.calls[0].fault for s in (alone, part) if s.turn] == [None, error]
