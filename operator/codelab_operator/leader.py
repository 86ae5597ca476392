"""Election of one leader by a Lease, and the fence that keeps everybody else from writing.

A leader that could not renew for the deadline ends its process at once: no code after that can
write. A write takes less than the rest of the duration, so it lands before anybody else leads.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Protocol

from codelab_core.clock import Clock, rfc3339
from codelab_operator.api_errors import ApiError
from codelab_operator.children import Manifest, ObjectKey
from codelab_operator.kinds import LEASE
from codelab_operator.lease import Candidate, Term, lease
from codelab_operator.settings import OperatorSettings

CALL_S: Final = 3.0
RETRY_S: Final = 1.0
LOOK_S: Final = 1.0
"""Longest time between two looks at our own deadline."""

log = logging.getLogger(__name__)


class Leases(Protocol):
    """What the election needs of the API server."""

    async def get(self, key: ObjectKey) -> Manifest: ...

    async def create(self, manifest: Manifest) -> Manifest: ...

    async def replace(self, manifest: Manifest) -> Manifest: ...


class Election:
    """One candidate. `end` ends the process: it is called when the Lease is lost."""

    def __init__(
        self,
        api: Leases,
        settings: OperatorSettings,
        identity: str,
        clock: Clock,
        end: Callable[[], None],
    ) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._end = end
        self._place = (settings.operator_namespace, settings.lease_name)
        self.key = ObjectKey(LEASE.api_version, LEASE.name, *self._place)
        self._candidate = Candidate(identity, settings.lease_duration_s, settings.lease_deadline_s)
        self._has_written = False

    @property
    def identity(self) -> str:
        """Holder of the Lease while this process leads."""
        return self._candidate.identity

    @property
    def has_looked(self) -> bool:
        """The Lease was read at least once."""
        return self._candidate.seen is not None

    def may_write(self) -> bool:
        """The fence: whether a write may start now."""
        return self._candidate.may_write(self._clock.monotonic())

    async def win(self) -> None:
        """Return when this process leads."""
        while True:
            if await self._took():
                break
            await asyncio.sleep(self._settings.lease_poll_s)
        log.info("leading", extra={"identity": self.identity})

    async def keep(self) -> None:
        """Renew for ever."""
        pause_s = self._settings.lease_renew_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = self._settings.lease_renew_s if await self._renewed() else RETRY_S

    async def watch_deadline(self) -> None:
        """End the process at the deadline even while a renewal is under way."""
        while True:
            await asyncio.sleep(min(self._candidate.left_s(self._clock.monotonic()), LOOK_S))
            if self._candidate.is_lost(self._clock.monotonic()):
                log.critical("lease lost; ending", extra={"identity": self.identity})
                self._end()
                return

    async def release(self) -> None:
        """Let somebody else lead at once: write an empty holder.

        A write of ours may have been cut off after it had landed, so the Lease is looked at first.
        """
        if not self._has_written:
            return
        try:
            async with asyncio.timeout(CALL_S):
                term = await self._look()
                if term.holder == self.identity:
                    self._candidate = self._candidate.saw(term, self._clock.monotonic())
                    await self._write("")
        except (ApiError, TimeoutError) as error:
            log.warning("lease not released", extra={"reason": str(error)})
        self._candidate = Candidate("", 0, 0)

    async def _took(self) -> bool:
        """Look at the Lease and take it if that is allowed."""
        try:
            async with asyncio.timeout(CALL_S):
                term = await self._look()
            self._candidate = self._candidate.saw(term, self._clock.monotonic())
            return self._candidate.may_take(self._clock.monotonic()) and await self._renewed()
        except (ApiError, TimeoutError) as error:
            log.warning("lease not readable", extra={"reason": str(error)})
            return False

    async def _look(self) -> Term:
        """The Lease as it is; a missing one is nobody's."""
        try:
            return Term.read(await self._api.get(self.key))
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return Term()

    async def _renewed(self) -> bool:
        """Write our name and the time; whether it worked."""
        started = self._clock.monotonic()
        try:
            term = await self._write(self.identity)
        except (ApiError, TimeoutError) as error:
            log.warning("lease not renewed", extra={"reason": str(error)})
            await self._refresh()
            return False
        self._candidate = self._candidate.renewed(term, started)
        return True

    async def _refresh(self) -> None:
        """After a failure: our write may have landed, and then the version is another one."""
        try:
            async with asyncio.timeout(CALL_S):
                term = await self._look()
        except (ApiError, TimeoutError):
            return
        self._candidate = self._candidate.saw(term, self._clock.monotonic())
        if self._candidate.renewed_at is not None and term.holder != self.identity:
            log.critical("lease taken; ending", extra={"holder": term.holder})
            self._end()

    async def _write(self, holder: str) -> Term:
        """Put the Lease; the version that was seen guards it."""
        self._has_written = True
        term = self._candidate.seen or Term()
        now = rfc3339(self._clock.wall_ms()).replace("Z", "000Z")
        wanted = lease(self._place, term, holder, self._settings.lease_duration_s, now)
        async with asyncio.timeout(CALL_S):
            write = self._api.replace if term.version else self._api.create
            return Term.read(await write(wanted))
