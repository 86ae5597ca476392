"""Events for people: one for each transition, in a queue that loses rather than holds up."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from codelab_core.clock import Clock, random_hex, rfc3339
from codelab_operator.api_errors import ApiError
from codelab_operator.api_group import FIELD_MANAGER, GROUP_VERSION, KIND
from codelab_operator.children import Manifest
from codelab_operator.kinds import EVENT
from codelab_operator.metrics import Metrics

LONGEST_QUEUE: Final = 1_000
LONGEST_NOTE: Final = 1_024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a person may want to know about an agent."""

    kind: Literal["Normal", "Warning"]
    reason: str
    text: str


class Posts(Protocol):
    """What posting needs of the API server."""

    async def create(self, manifest: Manifest) -> Manifest: ...


class Events:
    """`tell` never waits; `run` posts one after the other."""

    def __init__(self, api: Posts, identity: str, clock: Clock, metrics: Metrics) -> None:
        self._api = api
        self._identity = identity
        self._clock = clock
        self._metrics = metrics
        self._queue: asyncio.Queue[tuple[Mapping[str, Any], Note]] = asyncio.Queue(LONGEST_QUEUE)

    def tell(self, resource: Manifest, note: Note) -> None:
        """Let an event be posted about an agent; with too many waiting it is lost."""
        metadata = {k: resource["metadata"][k] for k in ("namespace", "name", "uid")}
        try:
            self._queue.put_nowait((metadata, note))
        except asyncio.QueueFull:
            self._metrics.events_lost.inc()

    async def run(self) -> None:
        """Post for ever; an event that is refused is lost."""
        while True:
            metadata, note = await self._queue.get()
            try:
                await self._api.create(self._event(metadata, note))
            except ApiError as error:
                self._metrics.events_lost.inc()
                log.debug("event not posted", extra={"reason": str(error)})

    def _event(self, agent: Mapping[str, Any], note: Note) -> Manifest:
        """The event object."""
        now = rfc3339(self._clock.wall_ms()).replace("Z", "000Z")
        name = f"{agent['name']}.{random_hex(16)}"
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"namespace": agent["namespace"], "name": name},
            "eventTime": now,
            "reportingController": FIELD_MANAGER,
            "reportingInstance": self._identity[:128],
            "action": "Reconcile",
            "type": note.kind,
            "reason": note.reason,
            "note": note.text[:LONGEST_NOTE],
            "regarding": {"apiVersion": GROUP_VERSION, "kind": KIND, **agent},
        }
