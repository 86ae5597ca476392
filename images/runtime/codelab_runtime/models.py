"""What the LLM proxy says of its models: which family, how much they can read."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from codelab_core.clock import Clock
from codelab_core.errors import CodelabError
from codelab_runtime.window import Model

FRESH_S: Final = 60.0
"""The proxy's configuration may change while we run."""

log = logging.getLogger(__name__)


UNLISTED: Final = Model()


class Models:
    """The models by id; `fetch` gives the proxy's list."""

    def __init__(self, fetch: Callable[[], Awaitable[Any]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: Mapping[str, Model] = {}
        self._fetched: float | None = None

    async def facts(self, model: str) -> Model:
        """Facts of a model or alias; without an answer those of before."""
        now = self._clock.monotonic()
        if self._fetched is None or now - self._fetched > FRESH_S:
            await self._refresh(now)
        return self._known.get(model, UNLISTED)

    async def _refresh(self, now: float) -> None:
        """Ask again."""
        try:
            self._known = {entry["id"]: _model(entry) for entry in await self._fetch()}
        except (CodelabError, KeyError, TypeError, ValueError):
            log.info("models not known")
        else:
            self._fetched = now


def _model(entry: Mapping[str, Any]) -> Model:
    """Facts of one entry. Raises for one that is not as docs/protocol.md says."""
    return Model(str(entry["family"]), int(entry["context_length"]), int(entry["max_tokens"]))
