"""What the proxy asks of every provider, whatever its dialect and wherever it runs."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from codelab_core.protocol.inference import ModelInfo


class Provider(Protocol):
    """A company, a server or a program that serves models."""

    @property
    def name(self) -> str:
        """Name in answers, metrics and configuration."""

    @property
    def kind(self) -> str:
        """Its dialect: `openai-compatible`, `anthropic`, `ollama` or `scripted`."""

    def models(self) -> Sequence[ModelInfo]:
        """The models to list."""

    def knows(self, model: str) -> bool:
        """Whether a model can be asked for; there may be more than are listed."""

    def label(self, model: str) -> str:
        """A model as metrics name it: from a bounded set."""

    def stream(self, body: bytes, attempt: int) -> AsyncGenerator[bytes]:
        """Send one request of its dialect; yields the bytes of the answer as they come.

        Raises `CodelabError` with the code and class of what went wrong.
        """
