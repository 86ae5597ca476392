"""Planned calls become open ones: worked out beside the loop, decided by policy, put in the log."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.events import ToolCall
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.approvals import stricter, verdict
from codelab_runtime.offered import Offered, offered_tools
from codelab_runtime.preparing import PATCH_TOOLS, NeedsRead, Prepared, Split, digest_of
from codelab_runtime.turn.calls import releasable, touch
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.ending import finish
from codelab_runtime.turn.facts import Compute, Worked
from codelab_runtime.turn.outcomes import Ending, oversize, settle, timeout_ms
from codelab_runtime.turn.records import ToolReleased
from codelab_runtime.turn.splitting import split_up
from codelab_runtime.turn.state import Call, SessionState, Turn, with_turn

MAX_BAD_ARGUMENTS: Final = 3
MAX_OWN_READS: Final = 32
"""Files that the runtime reads by itself in one step before it gives up on a patch."""


def offered(turn: Turn, plain_tools: tuple[str, ...]) -> Mapping[str, Offered]:
    """The tools that the model was given with the current step; without a driver, the plain ones.

    A driver that comes or goes in the middle of a step changes nothing about its calls.
    """
    return offered_tools(plain_tools if turn.asked_tools is None else turn.asked_tools)


def start_computing(draft: Draft) -> None:
    """Have every call worked out that may run now and is not being worked out already."""
    turn = draft.turn
    tools = offered(turn, draft.rules.plain_tools)
    reading = any(c.phase == "open" and _is_own_read(c) for c in turn.calls)
    for call in releasable(turn.calls, lambda call: touch(call, tools.get(call.tool))):
        busy = call.call_id in turn.computing or call.call_id in turn.waiting
        if not busy and not (reading and call.tool in PATCH_TOOLS):
            _compute(draft, Compute(call.call_id, "prepare"))
    for call in turn.unsettled:
        if call.answer and call.call_id not in turn.computing:
            _compute(draft, Compute(call.call_id, call.answer.kind, call.answer.given))


def _compute(draft: Draft, effect: Compute) -> None:
    """Ask for the work, and remember that it was asked for."""
    draft.after(effect)
    computing = draft.turn.computing | {effect.call_id}
    draft.state = with_turn(draft.state, computing=computing)


def prepare_ended(draft: Draft, turn: Turn, call: Call, outcome: Worked) -> None:
    """A call was worked out: open it, read what it needs first, or tell the model what is wrong."""
    if isinstance(outcome, ToolError):
        _refuse(draft, call, outcome)
    elif isinstance(outcome, NeedsRead):
        _read_for(draft, turn, call, outcome)
    elif isinstance(outcome, Split):
        _split(draft, turn, call, outcome)
    elif isinstance(outcome, Prepared):
        _admit(draft, turn, call, outcome)


def _admit(draft: Draft, turn: Turn, call: Call, outcome: Prepared) -> None:
    """Open a call that is ready, as the policy says: at once, after a question, or not at all."""
    tool = offered(turn, draft.rules.plain_tools)[call.tool]
    reviewed = outcome.arguments.get("diff") in turn.reviews.values()
    paths = tool.paths(outcome.arguments) + _guarded(outcome.guard)
    rules = draft.rules.approvals
    is_reviewed = reviewed and call.tool == "apply_patch"
    decision = verdict(call.tool, tool.kind, paths, rules, reviewed=is_reviewed)
    if call.parent:  # what the owner said about patches holds, in whatever way one is carried out
        decision = stricter(decision, verdict("apply_patch", "write", paths, rules, reviewed=True))
    timed = replace(call, timeout_ms=tool.timeout_ms)
    if decision == "deny":
        _deny(draft, call)
    elif decision == "ask" and _one_question_at_a_time(draft.state):
        waiting = {**turn.waiting, call.call_id: outcome}
        draft.state = with_turn(draft.state, waiting=waiting)
    else:
        _open(draft, turn, timed, outcome, asks=decision == "ask")


def _split(draft: Draft, turn: Turn, call: Call, outcome: Split) -> None:
    """Plan the writes of a patch, each to be asked for by itself, where patches are allowed."""
    tool = offered(turn, draft.rules.plain_tools)[call.tool]
    paths, rules = _guarded(outcome.guard), draft.rules.approvals
    if verdict(call.tool, tool.kind, paths, rules, reviewed=False) == "deny":
        _deny(draft, call)
    else:
        split_up(draft, call, outcome)


def _deny(draft: Draft, call: Call) -> None:
    """A rule of the owner forbids the call."""
    denied = ToolError(ToolCode.POLICY_DENIED, "A rule forbids this call.", rule=call.tool)
    settle(draft, call, Ending.failure(denied))


def open_questions(draft: Draft) -> None:
    """Open calls that waited for their question: one after the other where clients show but one."""
    turn = draft.turn
    tools = offered(turn, draft.rules.plain_tools)
    for call in turn.calls:
        is_busy = any(other.awaits_decision for other in draft.turn.calls)
        if call.call_id not in turn.waiting or (is_busy and _one_question_at_a_time(draft.state)):
            continue
        left = {name: later for name, later in draft.turn.waiting.items() if name != call.call_id}
        draft.state = with_turn(draft.state, waiting=left)
        timed = replace(call, timeout_ms=tools[call.tool].timeout_ms)
        _open(draft, turn, timed, turn.waiting[call.call_id], asks=True)


def _one_question_at_a_time(state: SessionState) -> bool:
    """Whether the driver shows one approval at a time; nobody knows it of the next driver."""
    return state.driver is None or state.driver.mode == "plain"


def _open(draft: Draft, turn: Turn, call: Call, outcome: Prepared, *, asks: bool) -> None:
    """Put a call into the log."""
    event = ToolCall(
        turn_id=turn.turn_id,
        message_id=turn.answer_id,
        call_id=call.call_id,
        tool_name=call.tool,
        arguments=dict(outcome.arguments),
        requires_approval=asks,
        digest=outcome.digest,
        origin=call.origin,
        reason=_reason(call, outcome) if asks else None,
        timeout_ms=timeout_ms(draft, call, question=False) or None,
        guard=_copy(outcome.guard),
        review=_copy(outcome.review),
    )
    fault = oversize(event)
    if fault:
        settle(draft, call, Ending.failure(fault))
        return
    draft.record(
        ToolReleased(
            call_id=call.call_id,
            tool=call.tool,
            arguments=event.arguments,
            digest=outcome.digest,
            requires_approval=asks,
            seq=draft.state.head + 1,
            origin=call.origin,
            guard=event.guard,
            review=event.review,
            timeout_ms=call.timeout_ms,
        )
    )
    draft.slots[call.call_id] = "open"
    if asks:
        draft.slots[f"{call.call_id}#a"] = "open"
    draft.emit(event)


def _refuse(draft: Draft, call: Call, fault: ToolError) -> None:
    """The model's call cannot run; three unusable ones in a row end the turn."""
    settle(draft, call, Ending.failure(fault))
    if draft.turn.bad_arguments >= MAX_BAD_ARGUMENTS:
        finish(draft, "failed", CodelabError(Code.MODEL_OUTPUT_INVALID, "arguments").to_wire())


def _read_for(draft: Draft, turn: Turn, call: Call, need: NeedsRead) -> None:
    """Read lines that a patch needs and the model did not; the patch waits for them."""
    own = sum(map(_is_own_read, turn.calls))
    if own >= MAX_OWN_READS:
        fault = ToolError(
            ToolCode.READ_FIRST, f"Read {need.path} first.", path=need.path, failures=0
        )
        settle(draft, call, Ending.failure(fault))
        return
    arguments = {"path": need.path, "start_line": need.start_line, "end_line": need.end_line}
    read = Call(f"c{turn.number}-{turn.step}-r{own}", "read_file", arguments, origin="runtime")
    digest = digest_of("read_file", arguments, None)
    _open(draft, turn, read, Prepared(arguments, digest=digest), asks=False)


def _is_own_read(call: Call) -> bool:
    """Whether the runtime reads for a patch."""
    return call.origin == "runtime" and call.tool == "read_file"


def _guarded(guard: Mapping[str, Any] | None) -> tuple[str, ...]:
    """All paths that a guarded call writes."""
    files = guard["files"] if guard else ()
    return tuple(file[name] for file in files for name in ("path", "old_path") if name in file)


def _reason(call: Call, outcome: Prepared) -> str:
    """Why a person is asked, in one sentence."""
    paths = sorted(set(_guarded(outcome.guard)))
    return f"{call.tool} changes {', '.join(paths)}" if paths else f"{call.tool} needs your consent"


def _copy(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A mapping as the wire types want it."""
    return None if value is None else dict(value)
