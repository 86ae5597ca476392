"""Plays a plan against a conversation: what was done, what comes next. Pure."""

import re
from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any, Final

from codelab_llmproxy.scripted.answer import Answer, Plan, ToolUse
from codelab_llmproxy.scripted.conversation import Conversation, Outcome, Step

MAX_PARALLEL: Final = 8
"""Calls of one answer: what a client runs at once."""

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]")

Calling = Generator[Answer, tuple[Outcome, ...], Any]
"""A part of a plan; returns what it found out."""


def offered(name: str, tools: Iterable[str]) -> str | None:
    """The name under which a tool is on offer: its own, or the form that providers allow."""
    return next((tool for tool in (name, provider_form(name)) if tool in tools), None)


def next_answer(plan: Plan, conversation: Conversation) -> Answer:
    """What the model says now, after the plan went through all that was done since it was asked.

    Steps of the history that the plan did not ask for are passed over.
    """
    answer = next(plan)
    for step in conversation.steps:
        if _is_asked_by(answer, step):
            answer = plan.send(step.outcomes)
    calls = (
        replace(use, name=offered(use.name, conversation.tools) or use.name) for use in answer.calls
    )
    return replace(answer, calls=tuple(calls))


def joined(plans: Iterable[Plan], tools: frozenset[str]) -> Plan:
    """One plan after another; text that would end the turn is held for the next one's answer."""
    held = Answer()
    for plan in plans:
        held = yield from _play(plan, held, tools)
    yield held


def _play(plan: Plan, held: Answer, tools: frozenset[str]) -> Calling:
    """Yield the answers of one plan that have calls; returns the text that is left over.

    A call of a known tool that is not on offer is not made: the plan is told so.
    """
    said = next(plan, None)
    while said is not None:
        held = held.then(said)
        outcomes: tuple[Outcome, ...] = ()
        if any(use.known and not offered(use.name, tools) for use in said.calls):
            held = replace(held, calls=())
            outcomes = tuple(map(_unavailable, said.calls))
        elif said.calls:
            outcomes = yield held
            held = Answer()
        said = _resumed(plan, outcomes)
    return held


def _resumed(plan: Plan, outcomes: tuple[Outcome, ...]) -> Answer | None:
    """The next answer of a plan, `None` at its end."""
    try:
        return plan.send(outcomes)
    except StopIteration:
        return None


def _is_asked_by(answer: Answer, step: Step) -> bool:
    """Whether a step of the history is what an answer asks for: same tools, same paths.

    Other arguments may differ: a person may have edited them.
    """
    asked = [(provider_form(use.name), use.arguments.get("path")) for use in answer.calls]
    done = [(provider_form(end.name), end.arguments.get("path")) for end in step.outcomes]
    return bool(asked) and asked == done


def _unavailable(use: ToolUse) -> Outcome:
    """The outcome of a call that cannot be made."""
    error = {"code": "TOOL_NOT_FOUND", "message": f"This client offers no {use.name}."}
    return Outcome(use.name, use.arguments, {"success": False, "error": error})


def provider_form(name: str) -> str:
    """A tool's name as providers allow it."""
    return _FOREIGN.sub("_", name)
