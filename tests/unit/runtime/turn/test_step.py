"""One fact, one step; and what holds for every sequence of facts."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from codelab_core.approval_rules import ApprovalRule
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.preparing import NeedsRead, Prepared, Reviewed, Split
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.facts import (
    Accepted,
    CallArrived,
    Chunks,
    Compute,
    Computed,
    Infer,
    InferenceFailed,
    InferenceLost,
    Restarted,
    Resumed,
    Rules,
    TimerFired,
    Worked,
)
from codelab_runtime.turn.fold import apply
from codelab_runtime.turn.state import Call, SessionState
from fakes.turns import SIX, Session, bare, bodies, kinds

READ = ("read_file", {"path": "a"})
EDIT = ("write_file", {"path": "b", "content": "x"})
FAILURE = {"code": "PROVIDER_ERROR", "message": "m", "retryable": True}


# What a successor does.


def test_the_first_owner_writes_down_whose_session_it_is() -> None:
    session = Session()
    session.state = SessionState("s1")

    session.feed(Resumed("ann"))

    assert session.journal == [rec.SessionOpened(principal="ann")]
    assert session.state.principal == "ann"


def test_a_session_at_rest_needs_nothing_of_its_owner() -> None:
    session = Session()

    session.feed(Resumed("ann"))

    assert (session.journal, session.log, session.effects) == ([], [], [])


def test_an_unfinished_answer_is_read_on_from_where_it_was_shown() -> None:
    session = Session()
    session.say()
    session.stream("Hel", 4, 44)
    inference_id = session.turn.inference_id

    heir = session.taken_over()
    events = heir.news(Resumed("ann", "Hel", 4, 44))
    events += heir.stream("lo", 5, 55)
    events += heir.answer()

    assert heir.journal[-2].text == "Hello"  # type: ignore[union-attr]  # an LlmDone
    assert events[0]["token"] == "lo"
    assert Infer("open", inference_id, 4) not in heir.effects


def test_an_unfinished_answer_is_attached_to_at_its_chunk() -> None:
    session = Session()
    session.say()

    heir = session.taken_over()
    heir.feed(Resumed("ann", "Hel", 4, 44))

    assert heir.effects == [Infer("open", session.turn.inference_id, 4)]
    assert (heir.turn.shown, heir.turn.shown_chunks, heir.turn.crc) == ((None, "Hel"), 4, 44)


def test_calls_that_were_being_worked_out_are_worked_out_again() -> None:
    session = Session()
    session.say()
    session.answer("", READ, EDIT)

    heir = session.taken_over()
    heir.resume()

    assert heir.effects == [Compute("c1-1-0", "prepare"), Compute("c1-1-1", "prepare")]


def test_a_turn_whose_calls_all_have_their_outcome_asks_the_model() -> None:
    session = Session()
    session.say()
    session.answer("", READ)
    session.work_out("c1-1-0")
    journal = session.journal[:]
    session.result("c1-1-0", result={})

    cut = replace(session, journal=[*journal, session.journal[len(journal)]]).taken_over()
    cut.resume()

    assert cut.turn.step == 2
    assert cut.effects == [Infer("open", session.turn.inference_id)]


def test_a_turn_that_killed_too_many_workers_fails_and_the_session_lives_on() -> None:
    session = Session()
    session.say()
    session.stream("Half")
    session.say("next", "u2")
    inference_id = session.turn.inference_id

    heir = session.taken_over()
    events = heir.resume(poisoned=True)

    assert kinds(events) == ["error", "assistant_message", "turn_completed", "turn_started"]
    assert events[0]["code"] == "TURN_POISONED"
    assert events[2]["digests"][0]["chars"] == 4
    assert heir.turn.message_id == "u2"
    assert Infer("cancel", inference_id) in heir.effects


def test_a_poisoned_turn_that_waits_for_calls_cancels_no_inference() -> None:
    session = Session()
    session.say()
    session.answer("", READ)

    heir = session.taken_over()
    events = heir.resume(poisoned=True)

    assert kinds(events) == ["error", "assistant_message", "turn_completed"]
    assert heir.effects == []


# Facts that change nothing.


def test_a_command_of_a_newer_release_is_taken_and_ignored() -> None:
    session = Session()

    events = session.news(Accepted(7, {"type": "from_a_newer_release"}))

    assert events == []
    assert session.state == replace(SessionState("s1", principal="ann"), consumed=7)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda session: None, id="no-turn"),
        pytest.param(lambda session: session.say(), id="no-such-call"),
        pytest.param(
            lambda session: (session.say(), session.answer("", READ), session.work_out("c1-1-0")),
            id="not-asked-for",
        ),
    ],
)
def test_what_was_worked_out_for_nobody_is_dropped(prepare: Any) -> None:
    session = Session()
    prepare(session)
    before = session.state

    events = session.news(Computed("c1-1-0", Prepared({})))

    assert events == []
    assert session.state == before


def test_a_closed_session_takes_commands_and_does_nothing() -> None:
    session = Session()
    session.command("close")
    before = session.state

    assert session.say() == []
    assert session.state == replace(before, consumed=2)


def test_an_edit_of_a_call_that_has_run_meanwhile_changes_nothing() -> None:
    session = Session()
    session.attach("plain")
    session.say()
    session.answer("", EDIT, READ)
    session.work_out("c1-1-1")
    session.work_out("c1-1-0")
    given = {"path": "b", "content": "mine"}
    session.command("hitl_decision", call_id="c1-1-0", decision="edit", modified_arguments=given)
    session.result("c1-1-0", result={"success": True})
    before = session.state

    events = session.work_out("c1-1-0", Prepared(given, digest="d"))

    assert events == []
    assert bare(session.state) == bare(before)


def test_an_edited_call_goes_on_as_edited() -> None:
    session = Session()
    session.attach()
    session.say()
    session.answer("", EDIT)
    session.work_out("c1-1-0")
    given = {"path": "b", "content": "mine"}
    session.command("hitl_decision", call_id="c1-1-0", decision="edit", modified_arguments=given)

    events = session.work_out("c1-1-0", Prepared(given, digest="e"))

    assert [(e["outcome"], e["arguments"]) for e in events] == [("edited", given)]


def test_text_for_a_turn_that_asks_nothing_is_dropped() -> None:
    session = Session()
    session.say()
    inference_id = session.turn.inference_id
    session.answer("", READ)

    assert session.news(Chunks(inference_id, "x", 9, 9)) == []


def test_a_timer_tells_the_model_of_every_call_whose_time_is_over() -> None:
    session = Session()
    session.attach()
    session.say()
    session.answer("", READ)
    session.work_out("c1-1-0")
    session.command("ack", connection_id="x1", seq=99)
    session.now_ms += 60_000

    events = session.news(TimerFired())

    assert bodies(events)[0]["outcome"] == "timed_out"
    assert session.turn.step == 2


# Every sequence of facts.

TOOLS = st.sampled_from(
    [
        READ,
        ("read_file", {"path": "c"}),
        EDIT,
        ("write_file", {"path": "c", "content": "y"}),
        ("git.diff", {}),
        ("apply_patch", {"diff": "--- a/a\n+++ b/a\n"}),
        ("apply_patch_review", {"diff": "d"}),
        ("prompt_user", {"message": "?", "actions": ["yes"]}),
        ("unknown", {}),
    ]
)
FAULTS = st.sampled_from(
    [
        ToolError(ToolCode.INVALID_ARGUMENTS, "m", errors=[]),
        ToolError(ToolCode.READ_FIRST, "m", path="a"),
        ToolError(ToolCode.PATCH_APPLY_FAILED, "m", path="a", reason="dependent"),
    ]
)
ANSWERS = st.sampled_from(
    [
        {"result": {"action": "yes"}},
        {"result": {"action": "maybe"}},
        {"error": {"code": "CONFLICT", "message": "m", "details": {"path": "a"}}},
        {"error": "no"},
    ]
)
RULES = Rules(
    max_steps=4,
    file_tool_timeout_ms=1000,
    question_timeout_ms=5000,
    plain_tools=SIX,
    approvals=(
        ApprovalRule(tool="git.diff", decision="ask"),
        ApprovalRule(tool="write_file", path="c", decision="deny"),
    ),
)


class Slots:
    """The store's table of calls, as `ingest` sees it: the first answer wins."""

    def __init__(self, session: Session) -> None:
        self._slots = session.slots
        self._is_v1 = bool(session.state.driver and session.state.driver.mode == "v1")

    def settle(self, slot: str) -> bool | None:
        """Whether an answer is late; `None`: it is refused."""
        state = self._slots.get(slot)
        if state is None or self._slots.get(f"{slot}:d"):
            return None
        if state != "open":
            return None if slot.endswith("#a") else self._take(slot, late=True)
        if self._slots.get(f"{slot}#a") == "open":
            if self._is_v1:
                return None
            self._slots |= {f"{slot}#a": "settled", f"{slot}#a:d": "implied"}
        return self._take(slot, late=False)

    def _take(self, slot: str, *, late: bool) -> bool:
        self._slots[f"{slot}:d"] = "given"
        if not late:
            self._slots[slot] = "settled"
        return late


class AnySequence(RuleBasedStateMachine):
    """A session under any sequence of facts; now and then another process goes on with it.

    R-12, R-14, R-21, T-14: one result for each call, one final frame for each turn.
    """

    calls = Bundle("calls")

    @initialize(mode=st.sampled_from(["plain", "v1", None]))
    def begin(self, mode: str | None) -> None:
        self.session = Session(RULES)
        self.folded = SessionState("s1", principal="ann")
        self.seen = 0
        self.asked = 0
        if mode:
            self.session.attach(mode)

    @property
    def turn(self) -> Any:
        return self.session.state.turn

    # What people and clients do.

    @rule(
        delivery=st.sampled_from(["queue", "steer", "interrupt"]),
        message_id=st.sampled_from(["u1", "u2", "u3"]),
    )
    def say(self, delivery: str, message_id: str) -> None:
        self.session.say("text", message_id, delivery=delivery)

    @rule(fields=st.sampled_from([{}, {"turn_id": "t1"}, {"message_id": "u2"}]))
    def cancel(self, fields: dict[str, Any]) -> None:
        self.session.command("cancel", **fields)

    @rule(mode=st.sampled_from(["plain", "v1"]), name=st.sampled_from(["x1", "x2"]))
    def attach(self, mode: str, name: str) -> None:
        self.session.attach(mode, name)

    @rule(name=st.sampled_from(["x1", "x2"]))
    def detach(self, name: str) -> None:
        self.session.command("detach", connection_id=name)

    @rule(name=st.sampled_from(["x1", "x2"]))
    def ack(self, name: str) -> None:
        self.session.command("ack", connection_id=name, seq=len(self.session.log))

    @rule(call_id=calls, fields=ANSWERS)
    def result(self, call_id: str, fields: dict[str, Any]) -> None:
        late = Slots(self.session).settle(call_id)
        if late is not None:
            self.session.result(call_id, late=late, **fields)

    @rule(call_id=calls, decision=st.sampled_from(["approve", "reject", "edit"]))
    def decide(self, call_id: str, decision: str) -> None:
        if Slots(self.session).settle(f"{call_id}#a") is not None:
            self.session.command(
                "hitl_decision", call_id=call_id, decision=decision, modified_arguments={"x": 1}
            )

    # What the model does.

    @precondition(lambda self: self.turn and self.turn.asking)
    @rule(text=st.sampled_from(["a ", "b "]))
    def stream(self, text: str) -> None:
        self.session.stream(text, self.turn.shown_chunks + 1)

    @precondition(lambda self: self.turn and self.turn.asking)
    @rule(tool=TOOLS)
    def call_arrives(self, tool: tuple[str, Any]) -> None:
        name, index = self.turn.inference_id, len(self.turn.held_calls)
        call_id = f"c{self.turn.number}-{self.turn.step}-{index}"
        asked = rec.AskedTool(call_id=call_id, tool=tool[0], arguments=tool[1])
        self.session.feed(CallArrived(name, asked))

    @precondition(lambda self: self.turn and self.turn.asking)
    @rule(target=calls, tools=st.lists(TOOLS, max_size=4))
    def answer(self, tools: list[tuple[str, Any]]) -> str:
        self.asked += 1
        first = f"c{self.turn.number}-{self.turn.step}-0"
        if self.turn.held_calls:
            tools = []  # those that came already are the answer's
        self.session.answer("text", *tools)
        return first

    @rule(target=calls, index=st.integers(0, 3), write=st.sampled_from(["", "", "-f0", "-f1"]))
    def name_a_call(self, index: int, write: str) -> str:
        turn = self.turn
        return f"c{turn.number}-{turn.step}-{index}{write}" if turn else "c9-9-9"

    @precondition(lambda self: self.turn and self.turn.asking)
    @rule(fact=st.sampled_from([Restarted, InferenceLost]))
    def trouble(self, fact: Any) -> None:
        self.session.feed(fact(self.turn.inference_id))

    @precondition(lambda self: self.turn and self.turn.asking)
    @rule()
    def fail(self) -> None:
        self.session.feed(InferenceFailed(self.turn.inference_id, FAILURE))

    # What this process does.

    @precondition(lambda self: self.turn and self.turn.computing)
    @rule(data=st.data(), fault=st.none() | FAULTS, how=st.sampled_from(["whole", "read", "split"]))
    def work_out(self, data: Any, fault: ToolError | None, how: str) -> None:
        call_id = data.draw(st.sampled_from(sorted(self.turn.computing)))
        call = self.turn.call(call_id)
        self.session.work_out(call_id, fault or outcome_of(call, how))

    @rule(ms=st.sampled_from([10, 1000, 5000]))
    def time_passes(self, ms: int) -> None:
        self.session.now_ms += ms
        self.session.feed(TimerFired())

    @rule(poisoned=st.sampled_from([False, False, False, True]))
    def taken_over(self, poisoned: bool) -> None:  # noqa: FBT001
        self.session = self.session.taken_over()
        self.session.resume(poisoned=poisoned)

    # What holds.

    @invariant()
    def the_journal_alone_leads_to_the_state(self) -> None:
        for record in self.session.journal[self.seen :]:
            self.folded = apply(rec.RECORD.validate_json(record.encode()), self.folded)
        self.seen = len(self.session.journal)
        assert bare(self.folded) == bare(self.session.state)

    @invariant()
    def every_call_without_outcome_can_still_get_one(self) -> None:
        for call in self.turn.unsettled if self.turn else ():
            slots = self.session.slots
            if call.phase == "planned":
                assert self.is_on_its_way(call)
            elif call.phase == "split":
                assert any(part.parent == call.call_id for part in self.turn.unsettled)
            elif call.requires_approval:
                assert slots[f"{call.call_id}#a"] == ("settled" if call.answer else "open")
            else:
                assert slots[call.call_id] == ("settled" if call.answer else "open")

    def is_on_its_way(self, call: Call) -> bool:
        """Whether something will still happen to a planned call: now, or after an earlier one."""
        turn = self.turn
        mine = call.call_id in turn.computing or call.call_id in turn.waiting
        return mine or any(other.call_id != call.call_id for other in turn.unsettled)

    @invariant()
    def a_turn_has_one_final_frame_and_nothing_after_its_end(self) -> None:
        over: set[str] = set()
        finals = Counter[str]()
        for event in self.session.log:
            turn_id = event.get("turn_id")
            assert turn_id is None or turn_id not in over
            finals[str(turn_id)] += event.get("is_final", False)
            if event["type"] == "turn_completed":
                over.add(event["turn_id"])
        running = {self.turn.turn_id: 0} if self.turn else {}
        started = {e["turn_id"]: 1 for e in self.session.log if e["type"] == "turn_started"}
        assert {name: finals[name] for name in started} == started | running

    @invariant()
    def every_call_in_the_history_has_one_result_right_after_it(self) -> None:
        open_calls: set[str] = set()
        for message in self.session.state.history:
            if message.role == "tool":
                assert message.call_id in open_calls
                open_calls.remove(message.call_id)
            else:
                assert not open_calls
                open_calls = {call.call_id for call in message.calls}
        expected = (
            {c.call_id for c in self.turn.unsettled if c.origin == "model"} if self.turn else set()
        )
        assert open_calls == expected

    @invariant()
    def what_was_shown_is_what_the_history_says(self) -> None:
        shown: dict[str, str] = {}
        for event in self.session.log:
            if event["type"] == "assistant_message":
                name = event["message_id"]
                shown[name] = shown.get(name, "") + event["token"]
            elif event["type"] == "message_retracted":
                shown.pop(event["message_id"], None)
        told = {
            m.message_id: m.content for m in self.session.state.history if m.role == "assistant"
        }
        assert {name: shown.get(name, "") for name in told} == told

    def teardown(self) -> None:
        """Left alone with patient clients, every turn ends; the successor's ends alike."""
        if not hasattr(self, "session"):
            return
        heir = self.session.taken_over()
        heir.resume()
        outcomes = [run_out(self.session), run_out(heir)]
        assert outcomes[0] == outcomes[1]


def outcome_of(call: Call, how: str = "whole") -> Worked:
    """What comes of a call that nothing is wrong with but its name."""
    if call.tool == "unknown":
        return ToolError(ToolCode.TOOL_NOT_FOUND, "m", tool="unknown")
    if call.answer and call.answer.kind == "review":
        return Reviewed({"success": True}, "picked")
    is_patch = call.tool in {"apply_patch", "apply_patch_review"}
    guard = {"files": [{"path": "a", "pre_sha": "1", "op": "modify", "post_sha": "2"}]}
    if how != "whole" and call.tool == "apply_patch" and not call.answer:
        writes = Split("", guard, {"hunks": []}, {"a": "x", "b": "y", "c": "denied"})
        return writes if how == "split" else NeedsRead("a", 1, 2)
    given = call.answer.given if call.answer else call.arguments
    return Prepared(given, guard if is_patch else None, digest="d")


def run_out(session: Session) -> list[tuple[str, str]]:
    """Answer whatever is open until all turns are over; how each of them ended."""
    for _ in range(300):
        turn = session.state.turn
        if turn is None:
            ends = [event for event in session.log if event["type"] == "turn_completed"]
            return [(event["turn_id"], event["reason"]) for event in ends]
        if turn.asking:
            session.answer("Done." if not turn.held_calls else "")
        elif turn.computing:
            call = turn.call(min(turn.computing))
            assert call is not None
            session.work_out(call.call_id, outcome_of(call))
        else:
            answer_first(session, next(call for call in turn.unsettled if call.phase == "open"))
    raise AssertionError("the turn does not come to an end")


def answer_first(session: Session, call: Call) -> None:
    """What a patient client does about an open call."""
    if call.awaits_decision:
        assert Slots(session).settle(f"{call.call_id}#a") is False
        session.command("hitl_decision", call_id=call.call_id, decision="approve")
    else:
        assert Slots(session).settle(call.call_id) is False
        session.result(call.call_id, result={"action": "yes"})


AnySequence.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestAnySequence = AnySequence.TestCase
