"""What the proxy asks of every provider, whatever its dialect and wherever it runs."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from codelab_core.errors import CodelabError
from codelab_llmproxy.clocks import Watch
from codelab_llmproxy.dialect import Dialect
from codelab_llmproxy.model_facts import ModelFacts


@dataclass(slots=True)
class Sending:
    """What goes with one upstream call besides its body.

    `attempt` counts from 1, `affinity` is the same for all calls of a session. The provider notes
    which key it took.
    """

    attempt: int
    affinity: str
    watch: Watch
    model: str = ""
    key_id: str = ""


class Hold(NamedTuple):
    """What keeps calls back: seconds until one can be sent, and whether only refused keys do."""

    wait_s: float = 0.0
    is_denied: bool = False


class Provider(Protocol):
    """A company, a server or a program that serves models.

    `name` stands in answers, metrics and configuration; `kind` is its dialect or `scripted`.
    """

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def dialect(self) -> Dialect: ...

    def models(self) -> Sequence[ModelFacts]:
        """The models to list."""

    def find(self, model: str) -> ModelFacts | None:
        """A model that can be asked for; there may be more than are listed."""

    def hold(self, model: str) -> Hold:
        """Whether a call of a model can be sent now."""

    def stream(self, body: bytes, sending: Sending) -> AsyncGenerator[bytes]:
        """Send one request of its dialect; yields the bytes of the answer as they come.

        Raises `CodelabError` with the code and class of what went wrong.
        """

    def blame(self, error: CodelabError, sending: Sending) -> None:
        """A call failed, wherever that showed: leave its key alone where it was the reason."""

    def redact(self, text: str) -> str:
        """The text without the keys of this provider."""

    async def check(self) -> None:
        """Return when it is there; raises when it is not, or does not take the key."""
