"""A provider that says what a test tells it to, and a clock that moves when a test says so."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import orjson

from codelab_core.protocol.inference import ModelInfo
from codelab_llmproxy.catalogue import Catalogue

END = None


class HandClock:
    """Stands still but for `advance`."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def wall_ms(self) -> int:
        """Milliseconds of the hand."""
        return int(self.now * 1000)

    def monotonic(self) -> float:
        """Seconds of the hand."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds


class StageProvider:
    """Serves the model `stage`; a test puts pieces of the stream, exceptions, and `END`.

    `requests` are the bodies that were sent, `closed` counts streams that were left or ended, and
    `left` tells of the first of them.
    """

    name = "stage"
    kind = "openai-compatible"

    def __init__(self) -> None:
        self.script: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.requests: list[dict[str, Any]] = []
        self.closed = 0
        self.left = asyncio.Event()

    def models(self) -> Sequence[ModelInfo]:
        """The one model."""
        return [
            ModelInfo(
                id="stage",
                name="stage",
                provider="stage",
                family="gpt",
                context_length=100,
                max_tokens=10,
            )
        ]

    def knows(self, model: str) -> bool:
        """Whether it is the one."""
        return model == "stage"

    def label(self, model: str) -> str:
        """Its name."""
        return model

    async def stream(self, body: bytes, attempt: int) -> AsyncGenerator[bytes]:
        """What the test has put, and what it will put, until the end."""
        self.requests.append(orjson.loads(body) | {"attempt": attempt})
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
    return Catalogue([provider], {"default": "stage"})
