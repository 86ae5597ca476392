"""What the proxy needs to know of a dialect: how to ask, how to read the answer. Pure.

A new provider is one `Dialect` with its own request and stream modules; nothing else changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.chunks import Chunk
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.toolnames import ToolNames


@dataclass(frozen=True, slots=True)
class Ask:
    """One request on its way to one model; `provider` decides whose state goes back to it."""

    request: InferenceRequest
    model: ModelFacts
    provider: str
    names: ToolNames


class Decoder(Protocol):
    """Decodes one answer."""

    @property
    def pieces(self) -> int:
        """Deltas with content so far."""

    @property
    def malformed(self) -> int:
        """Events that were skipped."""

    @property
    def dropped(self) -> int:
        """Calls that have begun and are not whole."""

    def feed(self, piece: bytes) -> list[Chunk]:
        """Chunks completed by these bytes; nothing more after a `Finish`. Hot: once per token.

        Raises `CodelabError` for an error of the provider, events that cannot be read (the first
        inside a call, the third elsewhere), a call that cannot be made, an empty answer.
        """

    def rest(self) -> list[Chunk]:
        """Chunks that `feed` or `close` had decoded before it raised."""

    def close(self) -> list[Chunk]:
        """The rest, at the end of the stream; raises `PROVIDER_ERROR`/cut where it came early."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect; paths are below the provider's address.

    `headers` are those of a call with a key or with none; `health_path` costs nothing to ask for.
    """

    path: str
    health_path: str
    encode: Callable[[Ask], bytes]
    decoder: Callable[[Ask], Decoder]
    headers: Callable[[str | None], Mapping[str, str]]


def names_of(request: InferenceRequest) -> ToolNames:
    """The name table of a request: tools on offer, and those that its history has calls of."""
    called = (call.name for message in request.messages for call in message.tool_calls)
    return ToolNames([*(tool.name for tool in request.tools), *called])


def bearer(key: str | None) -> Mapping[str, str]:
    """The header that most providers want a key in."""
    return {"Authorization": f"Bearer {key}"} if key else {}
