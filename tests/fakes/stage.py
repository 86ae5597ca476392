"""A provider that says what a test tells it to, and a clock that moves when a test says so."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from codelab_core.errors import CodelabError
from codelab_core.llm_config import parse_config
from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.catalogue import Catalogue, Target
from codelab_llmproxy.dialect import Ask, names_of
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.openai_dialect import OPENAI
from codelab_llmproxy.providers import Hold, Sending

END = None
FACTS = ModelFacts("stage", "stage", "gpt", context_window=100, max_output=10)
CONFIG = parse_config(
    {
        "version": 1,
        "providers": [
            {
                "name": "stage",
                "kind": "openai-compatible",
                "base_url": "http://stage",
                "allow_private": True,
                "models": [{"id": "stage"}],
            }
        ],
        "aliases": {"default": "stage"},
    }
)


class StageProvider:
    """Serves the model `stage`; a test puts pieces of the stream, exceptions, and `END`.

    `requests` are the bodies that were sent, `closed` counts streams that were left or ended, and
    `left` tells of the first of them.
    """

    name = "stage"
    kind = "openai-compatible"
    dialect = OPENAI

    def __init__(self) -> None:
        self.script: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.requests: list[dict[str, Any]] = []
        self.held = Hold()
        self.blamed: list[str] = []
        self.closed = 0
        self.left = asyncio.Event()

    def models(self) -> Sequence[ModelFacts]:
        """The one model."""
        return [FACTS]

    def find(self, model: str) -> ModelFacts | None:
        """Whether it is the one."""
        return FACTS if model == "stage" else None

    def hold(self, _model: str) -> Hold:
        """What a test says."""
        return self.held

    def blame(self, error: CodelabError, _sending: Sending) -> None:
        """A test may look at it."""
        self.blamed.append(str(error.reason))

    def redact(self, text: str) -> str:
        """Its one key is `canary`."""
        return text.replace("canary", "[hidden]")

    async def check(self) -> None:
        """It is there."""

    async def stream(self, body: bytes, sending: Sending) -> AsyncGenerator[bytes]:
        """What the test has put, and what it will put, until the end."""
        self.requests.append(orjson.loads(body) | {"attempt": sending.attempt})
        try:
            while (piece := await self.script.get()) is not END:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed += 1
            self.left.set()

    def say(self, *texts: str) -> None:
        """Put one event per text."""
        for text in texts:
            self.script.put_nowait(event({"content": text}))

    def finish(self) -> None:
        """Put a whole ending."""
        self.script.put_nowait(event({}, "stop"))
        self.script.put_nowait(b"data: [DONE]\n\n")


def event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """One event of the dialect."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"


def stage_catalogue(provider: StageProvider) -> Catalogue:
    """The stage alone, as the default model."""
    return Catalogue([provider], CONFIG)


@dataclass
class StageOffer:
    """The stage is on offer."""

    catalogue: Catalogue


def stage_target(provider: StageProvider | None = None) -> Target:
    """The stage as a target."""
    return stage_catalogue(provider or StageProvider()).resolve("default")[0]


def ask_of(
    request: InferenceRequest, provider: str = "scripted", facts: ModelFacts | None = None
) -> Ask:
    """A request on its way."""
    return Ask(request, facts or FACTS, provider, names_of(request))
