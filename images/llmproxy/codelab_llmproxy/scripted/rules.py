"""The table of requests: what a person writes, and the plan that the model follows. Pure.

First match wins; case does not matter; a clause that fits no row gets the list of rows.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from codelab_llmproxy.scripted import edit_plans, talk_plans
from codelab_llmproxy.scripted.answer import Answer, Plan, ToolUse
from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.phrases import (
    QUOTED,
    WORD,
    clauses,
    file_name,
    items,
    unquoted,
)
from codelab_llmproxy.scripted.toolbox import joined, next_answer

_READ_AS: Final = {"readme": "README.md"}
_LOG_AS: Final = {"auth.js": "src/auth.js"}
"""What people call a file, and where it is."""
_NUMBER: Final = r"\d{1,9}(?:\.\d{1,9})?"
_CALLED: Final = re.compile(r"\s*(?P<tool>[A-Za-z][\w.-]*)\s*(?P<json>with\s*)?", re.IGNORECASE)
_AND: Final = re.compile(r"\s*(?:,|and\b)", re.IGNORECASE)
_POLITE: Final = re.compile(r"^(?:please|now|also|and|(?:can|could) you)\s+", re.IGNORECASE)
_END: Final = re.compile(r"[.!?]+$")

Rule = Callable[[re.Match[str], frozenset[str]], Plan]


def agent(conversation: Conversation) -> Answer:
    """The next answer of the model `scripted/agent`."""
    tools = conversation.tools
    plans = [plan_for(clause, tools) for clause in clauses(conversation.text)]
    return next_answer(joined(plans or [talk_plans.help_text()], tools), conversation)


def plan_for(clause: str, tools: frozenset[str]) -> Plan:
    """The plan of one request."""
    text = _POLITE.sub("", clause)
    for pattern, rule in _RULES:
        if match := pattern.fullmatch(text) or pattern.fullmatch(_END.sub("", text)):
            return rule(match, tools)
    return talk_plans.help_text()


def _read(match: re.Match[str], _tools: frozenset[str]) -> Plan:
    return talk_plans.read(_path(match["file"], _READ_AS))


def _show_diff(match: re.Match[str], _tools: frozenset[str]) -> Plan:
    of = {"path": _path(match["of"])} if match["of"] else {}
    return talk_plans.show_diff(of | ({"staged": True} if match["staged"] else {}))


def _show_commit(_match: re.Match[str], _tools: frozenset[str]) -> Plan:
    return talk_plans.show_diff({"revision": talk_plans.LAST_COMMIT})


def _replace(match: re.Match[str], tools: frozenset[str]) -> Plan:
    targets = [_path(target) for target in items(match["files"])]
    return edit_plans.replace(unquoted(match["old"]), unquoted(match["new"]), targets, tools)


def _add_logging(match: re.Match[str], tools: frozenset[str]) -> Plan:
    return edit_plans.add_logging(_path(match["file"], _LOG_AS), tools)


def _write_tokens(match: re.Match[str], _tools: frozenset[str]) -> Plan:
    pace = float(match["pace"]) if match["pace"] else talk_plans.TOKEN_PACE
    return talk_plans.tokens(int(match["count"]), pace)


def _write(match: re.Match[str], _tools: frozenset[str]) -> Plan:
    return talk_plans.write(unquoted(match["text"]), _path(match["file"]))


def _ask(match: re.Match[str], _tools: frozenset[str]) -> Plan:
    return talk_plans.ask(unquoted(match["question"]), items(match["options"]))


def _think(match: re.Match[str], _tools: frozenset[str]) -> Plan:
    return talk_plans.think(_END.sub("", match["topic"]))


def _echo(match: re.Match[str], _tools: frozenset[str]) -> Plan:
    return talk_plans.echo(match["text"] or "")


def _call(match: re.Match[str], _tools: frozenset[str]) -> Plan:
    uses = list(_uses(match["calls"]))
    return talk_plans.call(uses) if uses else talk_plans.help_text()


def _uses(text: str) -> Iterator[ToolUse]:
    """The calls in `TOOL with JSON and TOOL…`; ends at the first thing that is neither."""
    at = 0
    while found := _CALLED.match(text, at):
        arguments: Mapping[str, Any] = {}
        at = found.end()
        if found["json"]:
            arguments, at = _json_object(text, at)
        yield ToolUse(found["tool"], arguments, known=False)
        joint = _AND.match(text, at)
        at = joint.end() if joint else len(text)


def _json_object(text: str, at: int) -> tuple[Mapping[str, Any], int]:
    """The JSON object at a position and where it ends; what is no object counts as empty."""
    try:
        value, end = json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return {}, len(text)
    return value if isinstance(value, dict) else {}, end


def _path(text: str, known_as: Mapping[str, str] = MappingProxyType({})) -> str:
    """The file that a name stands for."""
    name = file_name(text)
    return known_as.get(name.lower(), name)


def _row(pattern: str, rule: Rule) -> tuple[re.Pattern[str], Rule]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL), rule


_RULES: Final = (
    _row(r"echo(?:\s+(?P<text>.*))?", _echo),
    _row(rf"(?:read|open)\s+(?:the\s+)?(?:file\s+)?(?P<file>{WORD})(?:\s+file)?", _read),
    _row(
        rf"show\s+(?:me\s+)?the\s+diff(?:\s+of\s+(?P<of>{WORD}))?(?P<staged>\s+staged)?", _show_diff
    ),
    _row(r"show\s+(?:me\s+)?(?:what\s+changed\s+in\s+)?the\s+last\s+commit", _show_commit),
    _row(
        rf"replace\s+(?P<old>{QUOTED})\s+with\s+(?P<new>{QUOTED})\s+in\s+(?P<files>.+)",
        _replace,
    ),
    _row(
        rf"add\s+logging\s+to\s+(?:the\s+)?(?:file\s+)?(?P<file>{WORD})(?:\s+file)?", _add_logging
    ),
    _row(
        rf"write\s+(?P<count>\d{{1,9}})\s+tokens?(?:\s+at\s+(?P<pace>{_NUMBER})\s+per\s+second)?",
        _write_tokens,
    ),
    _row(
        rf"write\s+(?P<text>{QUOTED})\s+(?:in)?to\s+(?:the\s+)?(?:file\s+)?(?P<file>{WORD})", _write
    ),
    _row(rf"ask\s+me\s+(?P<question>{QUOTED})\s+with\s+(?:the\s+)?options\s+(?P<options>.+)", _ask),
    _row(r"think\s+about\s+(?P<topic>.+)", _think),
    _row(r"call\s+(?P<calls>.+)", _call),
)
