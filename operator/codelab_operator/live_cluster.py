"""The cluster as the operator meets it: fenced and limited writes, indexes fed by the streams."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, Protocol

from codelab_core.clock import Clock
from codelab_operator.api_errors import ApiError, FencedError
from codelab_operator.api_group import FIELD_MANAGER
from codelab_operator.children import Manifest, ObjectKey
from codelab_operator.kinds import CHILDREN
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey, Observation, Observations, Sighting, sighting
from codelab_operator.slots import Slots
from codelab_operator.write_limit import MOST, WriteLimit

WATCHED: Final = frozenset(kind.name for kind in CHILDREN)


class Writes(Protocol):
    """The part of `kube` that is used here."""

    async def get(self, key: ObjectKey) -> Manifest: ...

    async def apply(
        self, manifest: Manifest, *, force: bool, manager: str, subresource: str
    ) -> Manifest: ...

    async def create(self, manifest: Manifest) -> Manifest: ...

    async def merge(self, key: ObjectKey, change: Manifest) -> Manifest: ...

    async def delete(self, key: ObjectKey, uid: str) -> None: ...


class LiveCluster:
    """A `Cluster`. `may_write` is the fence; it is asked at the start of each write."""

    def __init__(
        self, api: Writes, may_write: Callable[[], bool], clock: Clock, metrics: Metrics
    ) -> None:
        self._api = api
        self._may_write = may_write
        self._clock = clock
        self._metrics = metrics
        self._limit = WriteLimit()
        self._is_closed = False
        self._slots = Slots(lambda: self._limit.allowed)
        self.observations = Observations()
        self.awaited: dict[ObjectKey, tuple[int, float]] = {}
        """Own writes of watched kinds that no stream has shown yet: version and time."""
        metrics.write_limit.set(MOST)

    def observe(self, key: AgentKey) -> Observation:
        """The agent and its children; no request."""
        return self.observations.observe(key)

    def confirm(self, observed: Observation) -> None:
        """Children of these versions are as meant."""
        self.observations.confirm(observed)

    async def close(self, span_s: float) -> None:
        """Start no more writes; wait for those under way, so long at most."""
        self._is_closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(span_s):
                await self._slots.idle()

    def saw(self, seen: Sighting) -> bool:
        """A stream showed an object; whether that was news."""
        expected = self.awaited.get(seen.key)
        if expected and seen.version >= expected[0]:
            del self.awaited[seen.key]
            took_s = self._clock.monotonic() - expected[1]
            self._metrics.watch_echo_seconds.labels(seen.key.kind).observe(took_s)
        return self.observations.put(seen)

    def lost(self, key: ObjectKey, uid: str) -> bool:
        """A stream showed the end of an object; whether that was news."""
        self.awaited.pop(key, None)
        return self.observations.drop(key, uid)

    async def read(self, key: ObjectKey) -> Manifest:
        """One object that no stream shows."""
        return await self._api.get(key)

    async def apply(
        self, manifest: Manifest, *, force: bool, manager: str = "", subresource: str = ""
    ) -> Manifest:
        """Server-side apply of a whole intent; the object as it is now."""
        async with self._slot():
            answer = await self._api.apply(
                manifest, force=force, manager=manager or FIELD_MANAGER, subresource=subresource
            )
        self._note(answer)
        return answer

    async def create(self, manifest: Manifest) -> None:
        """Post an object that is missing."""
        async with self._slot():
            answer = await self._api.create(manifest)
        self._note(answer)

    async def merge(self, key: ObjectKey, change: Manifest) -> None:
        """Change some fields of an object."""
        async with self._slot():
            answer = await self._api.merge(key, change)
        self._note(answer)

    async def delete(self, key: ObjectKey) -> None:
        """Delete the object that was observed; one that is gone already is fine."""
        seen = self.observations.get(key)
        if seen is None:
            return
        try:
            async with self._slot():
                await self._api.delete(key, seen.uid)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        self.awaited.pop(key, None)
        self.observations.deleted(key, seen.uid)

    def _note(self, answer: Manifest) -> None:
        """Lay the answer to an own write over what the streams have shown."""
        if answer["kind"] == "Secret":
            return  # never kept in memory, never watched
        seen = sighting(answer)
        if self.observations.put(seen) and seen.key.kind in WATCHED:
            self.awaited[seen.key] = (seen.version, self._clock.monotonic())

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """One write under way; its outcome moves the limit. Raises `FencedError`."""
        await self._slots.take()
        started = self._clock.monotonic()
        try:
            if self._is_closed or not self._may_write():
                raise FencedError
            yield
            self._limit.succeeded(self._clock.monotonic() - started, self._clock.monotonic())
        except ApiError as error:
            if error.status in {0, HTTPStatus.TOO_MANY_REQUESTS}:
                self._limit.suffered(self._clock.monotonic())
            raise
        finally:
            self._slots.give()
            self._metrics.write_limit.set(self._limit.allowed)
