"""Scenarios: answers written down in YAML, for tests that need exact ones. Pure.

The first step whose `when` fits gives the answer; a request that fits none is an error, never a
default answer.
"""

import re
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.scripted.answer import Answer, ToolUse, words
from codelab_llmproxy.scripted.conversation import Conversation, Outcome
from codelab_llmproxy.scripted.diffs import split_lines
from codelab_llmproxy.scripted.toolbox import provider_form

_PLACEHOLDER: Final = re.compile(r"\{results\[(\d+)\]\.(lines|content|action|error)\}")
_ANY_RESULT: Final = re.compile(r"\{results\b")


class ScenarioError(ValueError):
    """A scenario that cannot be used; the text says where it is wrong."""


class _Closed(BaseModel):
    """Base of what a scenario is made of: a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class When(_Closed):
    """All that is given must fit.

    `contains`: the person spoke last and wrote this, in any case. `after_tool`: this tool was among
    the last calls, and their results are new. `answer`: the model's n-th answer to the person's
    message, from 0.
    """

    contains: str | None = None
    after_tool: str | None = None
    answer: Annotated[int, Field(ge=0)] | None = None

    def fits(self, conversation: Conversation) -> bool:
        """Whether a request is meant."""
        role = conversation.newest_role
        if self.contains is not None and (
            role != "user" or self.contains.casefold() not in conversation.text.casefold()
        ):
            return False
        if self.after_tool is not None and (
            role != "tool" or provider_form(self.after_tool) not in _last_tools(conversation)
        ):
            return False
        return self.answer is None or self.answer == conversation.answers


class ScenarioCall(_Closed):
    """A tool call of an answer."""

    name: str
    arguments: dict[str, JsonValue] = {}


class Fault(_Closed):
    """What goes wrong with an answer, on which attempts; `after` counts its pieces."""

    kind: Literal["cut", "stall", "reset", "silent", "malformed", "error"]
    after: Annotated[int, Field(ge=0)] = 0
    attempts: list[Annotated[int, Field(ge=1)]] = [1]


class ScenarioStep(_Closed):
    """One answer; `pace` is in tokens per second, 0 means at once."""

    when: When = When()
    think: str = ""
    text: str = ""
    pace: Annotated[float, Field(ge=0)] = 0.0
    tool_calls: list[ScenarioCall] = []
    fault: Fault | None = None

    @field_validator("text", "think")
    @classmethod
    def _has_known_placeholders(cls, text: str) -> str:
        """Refuse `{results…}` that stands for nothing."""
        if len(_ANY_RESULT.findall(text)) != len(_PLACEHOLDER.findall(text)):
            raise ValueError("placeholders are results[i].lines, .content, .action and .error")
        return text


class Scenario(_Closed):
    """All answers of the model `scripted/scenario-NAME`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    steps: Annotated[list[ScenarioStep], Field(min_length=1)]

    @classmethod
    def parse(cls, text: str) -> "Scenario":
        """Read YAML; raises `ScenarioError` for anything else than a scenario."""
        try:
            return cls.model_validate(yaml.safe_load(text))
        except (yaml.YAMLError, ValidationError) as error:
            raise ScenarioError(str(error)) from error

    def answer(self, conversation: Conversation) -> Answer:
        """The answer to a request; raises `INVALID_REQUEST`/invalid_request where no step fits."""
        step = next((step for step in self.steps if step.when.fits(conversation)), None)
        if step is None:
            raise _refusal(f"The scenario {self.name} has no step for this request.")
        outcomes = conversation.steps[-1].outcomes if conversation.steps else ()
        return Answer(
            words(_filled(step.text, outcomes)),
            words(_filled(step.think, outcomes)),
            tuple(ToolUse(call.name, call.arguments, known=False) for call in step.tool_calls),
            step.pace,
        )


def _last_tools(conversation: Conversation) -> set[str]:
    """Names of the tools of the last calls, in the form that providers allow."""
    outcomes = conversation.steps[-1].outcomes if conversation.steps else ()
    return {provider_form(outcome.name) for outcome in outcomes}


def _filled(text: str, outcomes: tuple[Outcome, ...]) -> str:
    """A text with its placeholders replaced by what the last calls brought."""

    def value(match: re.Match[str]) -> str:
        number = int(match[1])
        if number >= len(outcomes):
            raise _refusal(f"There is no result {number} for {match[0]}.")
        return _fact(outcomes[number], match[2])

    return _PLACEHOLDER.sub(value, text)


def _fact(outcome: Outcome, name: str) -> str:
    """One fact of a result."""
    match name:
        case "lines":
            content = str(outcome.value.get("content", ""))
            return str(outcome.value.get("total_lines", len(split_lines(content))))
        case "error":
            return outcome.explained() if outcome.failed else ""
    return str(outcome.value.get(name, ""))


def _refusal(message: str) -> CodelabError:
    """A request that the scenario was not written for."""
    return CodelabError(Code.INVALID_REQUEST, "invalid_request", message=message)
