"""The history of a request of the OpenAI dialect, as the scripted model reads it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import orjson

_NOTE: Final = re.compile(r"\[The result of \S+ came after its time was over")
"""How the runtime tells of a late result, in the person's role."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call ended. `value` is the result, or holds `success` false and an `error`."""

    name: str
    arguments: Mapping[str, Any]
    value: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Whether the tool refused or failed."""
        return self.value.get("success") is False

    @property
    def error(self) -> Mapping[str, Any]:
        """Code, message and details of a failure; empty for a success."""
        error = self.value.get("error") if self.failed else {}
        return error if isinstance(error, dict) else {"message": str(error)}

    @property
    def code(self) -> str:
        """Code of a failure, or nothing."""
        return str(self.error.get("code", ""))

    @property
    def details(self) -> Mapping[str, Any]:
        """Facts of a failure."""
        details = self.error.get("details")
        return details if isinstance(details, dict) else {}

    def explained(self) -> str:
        """What went wrong, for a person."""
        message = str(self.error.get("message") or "it failed").rstrip(".")
        return f"{message} ({self.code})" if self.code else message


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of the model that asked for tools, and how they ended; in order of the calls."""

    outcomes: tuple[Outcome, ...]


class Conversation:
    """One request: the newest message of the person, and what was done about it since."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.model = str(body.get("model", ""))
        self.max_tokens: int | None = body.get("max_tokens")
        self._body = body
        self._messages: Sequence[Mapping[str, Any]] = body.get("messages") or []
        asked = (n for n, message in enumerate(self._messages) if _is_asking(message))
        self._asked_at = max(asked, default=-1)

    @property
    def text(self) -> str:
        """The newest message of the person; empty without one."""
        return _text(self._messages[self._asked_at]) if self._asked_at >= 0 else ""

    @property
    def answers(self) -> int:
        """Answers of the model since then."""
        since = self._messages[self._asked_at + 1 :]
        return sum(message.get("role") == "assistant" for message in since)

    @property
    def newest_role(self) -> str:
        """Who spoke last: `user` or `tool`, as a rule."""
        return str(self._messages[-1].get("role")) if self._messages else ""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What was done since, oldest first."""
        since = self._messages[self._asked_at + 1 :]
        results = {m.get("tool_call_id"): m for m in since if m.get("role") == "tool"}
        return tuple(
            Step(tuple(_outcomes(message["tool_calls"], results)))
            for message in since
            if message.get("tool_calls")
        )

    @cached_property
    def tools(self) -> frozenset[str]:
        """Names of the tools on offer."""
        if self._body.get("tool_choice") == "none":
            return frozenset()
        offered = self._body.get("tools") or ()
        return frozenset(str(tool["function"]["name"]) for tool in offered)


def _is_asking(message: Mapping[str, Any]) -> bool:
    """Whether a message is of the person."""
    return message.get("role") == "user" and not _NOTE.match(_text(message))


def _outcomes(
    calls: Sequence[Mapping[str, Any]], results: Mapping[Any, Mapping[str, Any]]
) -> Iterator[Outcome]:
    """The outcome of each call of one message."""
    for call in calls:
        function = call["function"]
        content = _text(results.get(call.get("id"), {}))
        yield Outcome(str(function["name"]), _object(function["arguments"]), _result(content))


def _text(message: Mapping[str, Any]) -> str:
    """The text of a message, whose content may be parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content if isinstance(content, str) else ""


def _object(text: str) -> Mapping[str, Any]:
    """JSON text as an object; empty where it is none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _result(content: str) -> Mapping[str, Any]:
    """A tool's result; one that is no JSON object is kept as text."""
    return _object(content) or {"content": content}
