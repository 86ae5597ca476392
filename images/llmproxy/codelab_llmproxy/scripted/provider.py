"""The scripted provider in this process: an answer of the OpenAI dialect, at its own pace."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.llm_names import SCRIPTED
from codelab_llmproxy.clocks import Sleep
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.openai_dialect import OPENAI
from codelab_llmproxy.providers import Hold, Sending
from codelab_llmproxy.scripted.answer import Answer
from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.models import CONTEXT_TOKENS, ScriptedModels, context_tokens
from codelab_llmproxy.scripted.scenario import Scenario, ScenarioError
from codelab_llmproxy.scripted.talk_plans import MAX_TOKENS
from codelab_llmproxy.scripted.wire import AnswerWriter

BIG_BODY_BYTES: Final = 128 * 1024
"""Requests above this are thought about in a thread: the loop must not stand still."""
BREATH: Final = 16
"""After so many pieces without a pause others get their turn."""


class ScriptedProvider:
    """Models that need no network and no key."""

    name: Final = SCRIPTED
    kind: Final = SCRIPTED
    dialect: Final = OPENAI

    def __init__(
        self, models: ScriptedModels, clock: Clock, *, sleep: Sleep, time_scale: float = 1.0
    ) -> None:
        self._models = models
        self._clock = clock
        self._sleep = sleep
        self._time_scale = time_scale

    def models(self) -> Sequence[ModelFacts]:
        """The models to list."""
        return [_facts(name, name) for name in self._models.ids()]

    def find(self, model: str) -> ModelFacts | None:
        """A model; the endless family shares the label `scripted/tokens`."""
        if not self._models.knows(model):
            return None
        return _facts(model, model if model in self._models.ids() else "scripted/tokens")

    def hold(self, _model: str) -> Hold:
        """Nothing keeps it back."""
        return Hold()

    def blame(self, _error: CodelabError, _sending: Sending) -> None:
        """There are no keys."""

    def redact(self, text: str) -> str:
        """There are no keys."""
        return text

    async def check(self) -> None:
        """It cannot be away."""

    async def stream(self, body: bytes, sending: Sending) -> AsyncGenerator[bytes]:
        """The answer to a request of the OpenAI dialect, one event at a time.

        Raises `CONTEXT_TOO_LONG` above the window of the model, and what the model raises.
        """
        _check_length(body, CONTEXT_TOKENS)
        if len(body) > BIG_BODY_BYTES:
            answer, writer = await asyncio.to_thread(self._think, body, sending.attempt)
        else:
            answer, writer = self._think(body, sending.attempt)
        yield writer.opening()
        pieces = 0
        for event in writer.thinking(answer):
            yield event
            pieces += 1
        pacer = self._pacer(answer)
        for piece in answer.pieces:
            await pacer.next()
            yield writer.text(piece)
        for event in writer.calls(answer.calls):
            yield event
            pieces += 1
        for event in writer.closing(answer, pieces + len(answer.pieces)):
            yield event

    def _think(self, body: bytes, attempt: int) -> tuple[Answer, AnswerWriter]:
        """What to say, and what writes it."""
        conversation = Conversation(orjson.loads(body))
        _check_length(body, context_tokens(conversation.model))
        return self._models.answer(conversation), AnswerWriter(conversation.model, body, attempt)

    def _pacer(self, answer: Answer) -> "Pacer":
        """The rhythm of an answer."""
        interval = self._time_scale / answer.pace if answer.pace else 0.0
        return Pacer(self._clock, self._sleep, interval)


def _check_length(body: bytes, tokens: int) -> None:
    """Raise for a request that is longer than so many tokens of four bytes."""
    if len(body) > 4 * tokens:
        raise CodelabError(Code.CONTEXT_TOO_LONG, "context_length", max=tokens)


def _facts(model: str, label: str) -> ModelFacts:
    """What there is to know of a scripted model."""
    return ModelFacts(
        id=model,
        label=label,
        family=SCRIPTED,
        context_window=context_tokens(model),
        max_output=MAX_TOKENS,
    )


class Pacer:
    """Waits between pieces, `interval` seconds each; a late one comes at once: the pace holds."""

    __slots__ = ("_clock", "_count", "_due", "_interval", "_sleep")

    def __init__(self, clock: Clock, sleep: Sleep, interval: float) -> None:
        self._clock = clock
        self._sleep = sleep
        self._interval = interval
        self._due = clock.monotonic()
        self._count = 0

    async def next(self) -> None:
        """Return when the next piece is due; the first one is due at once. Hot: once per token."""
        early = self._due - self._clock.monotonic() if self._interval else 0.0
        self._due += self._interval
        if early > 0 or self._count % BREATH == 1:
            await self._sleep(max(0.0, early))
        self._count += 1


def load_scenarios(folder: Path | None) -> Mapping[str, Scenario]:
    """The scenarios in the YAML files of a folder, by name; none without a folder.

    Raises `ScenarioError` naming the file that is not valid, or the name that comes twice.
    """
    scenarios: dict[str, Scenario] = {}
    for file in sorted(folder.glob("*.y*ml")) if folder else ():
        try:
            scenario = Scenario.parse(file.read_text(encoding="utf-8"))
        except (ScenarioError, OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"{file}: {error}") from error
        if scenario.name in scenarios:
            raise ScenarioError(f"{file}: there are two scenarios {scenario.name}")
        scenarios[scenario.name] = scenario
    return scenarios
