"""What the streams' thread tells the loop of the operator: in order, and in batches.

kopf has a loop and a thread of its own: it may stall, stop and start without the workers noticing,
and at its end it cancels every task of its loop.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codelab_operator.api_group import AGENT_LABEL
from codelab_operator.children import ObjectKey
from codelab_operator.observations import Sighting


@dataclass(frozen=True, slots=True)
class Gone:
    """A stream showed the end of an object."""

    key: ObjectKey
    agent: str
    uid: str


def gone(body: Mapping[str, Any]) -> Gone:
    """What a DELETED event says. Raises `KeyError` for what is no namespaced object."""
    metadata = body["metadata"]
    names = (body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"])
    agent = (metadata.get("labels") or {}).get(AGENT_LABEL, "")
    return Gone(ObjectKey(*names), agent, metadata["uid"])


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything of one kind that there was at a version; whatever else was known is gone."""

    plural: str
    namespace: str
    """Empty: of all namespaces."""
    version: int
    objects: tuple[Sighting, ...]


Item = Sighting | Gone | Listing


class Inbox:
    """Any thread puts; the loop that made it takes, all that waits at once."""

    def __init__(self, take: Callable[[Item], None]) -> None:
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._items: deque[Item] = deque()
        self._lock = threading.Lock()
        self._is_scheduled = False

    def put(self, item: Item) -> None:
        """Hand over one item."""
        with self._lock:
            self._items.append(item)
            if self._is_scheduled:
                return
            self._is_scheduled = True
        self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        """Take everything that is there."""
        with self._lock:
            items, self._items = self._items, deque()
            self._is_scheduled = False
        for item in items:
            self._take(item)
