"""The models of the scripted provider, by name. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.scripted import talk_plans
from codelab_llmproxy.scripted.answer import Answer
from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.rules import agent
from codelab_llmproxy.scripted.scenario import Scenario

AGENT: Final = "scripted/agent"
OK: Final = "scripted/ok"
ECHO: Final = "echo"
SMALL: Final = "scripted/agent-4k"
"""The agent with a window that a short session fills."""
CONTEXT_TOKENS: Final = 1_000_000
SMALL_CONTEXT_TOKENS: Final = 4_096
_TOKENS: Final = re.compile(r"scripted/tokens-(\d{1,6})(?:@(\d{1,6}(?:\.\d{1,3})?))?")
_SCENARIO: Final = "scripted/scenario-"


class ScriptedModels:
    """All models there are; one family of names, `scripted/tokens-N@P`, is without end."""

    def __init__(self, scenarios: Mapping[str, Scenario]) -> None:
        self._scenarios = {f"{_SCENARIO}{name}": scenarios[name] for name in sorted(scenarios)}

    def ids(self) -> tuple[str, ...]:
        """The models to list; of the endless family one example."""
        return (AGENT, SMALL, OK, ECHO, "scripted/tokens-100@50", *self._scenarios)

    def knows(self, model: str) -> bool:
        """Whether there is such a model."""
        return model in self.ids() or _TOKENS.fullmatch(model) is not None

    def answer(self, conversation: Conversation) -> Answer:
        """What its model says to a request.

        Raises `NOT_FOUND`/unknown_model, and what a scenario raises.
        """
        return self._answer(conversation).cut(conversation.max_tokens)

    def _answer(self, conversation: Conversation) -> Answer:
        """The answer without a limit."""
        model = conversation.model
        if model in {AGENT, SMALL}:
            return agent(conversation)
        if model in self._scenarios:
            return self._scenarios[model].answer(conversation)
        if found := _TOKENS.fullmatch(model):
            pace = float(found[2]) if found[2] else talk_plans.TOKEN_PACE
            return next(talk_plans.tokens(int(found[1]), pace))
        if model not in {OK, ECHO}:
            raise CodelabError(Code.NOT_FOUND, "unknown_model", model=model)
        return next(talk_plans.ok() if model == OK else talk_plans.echo(conversation.text))


def context_tokens(model: str) -> int:
    """How much a model can read."""
    return SMALL_CONTEXT_TOKENS if model == SMALL else CONTEXT_TOKENS
