"""Which kinds the cluster serves: looked at now and then, and whenever one turns out missing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from codelab_operator.api_errors import ApiError
from codelab_operator.children import Offering
from codelab_operator.kinds import AGENT, CHILDREN, HTTP_ROUTE, SERVICE_MONITOR, Kind
from codelab_operator.settings import OperatorSettings

SOONEST_S: Final = 1.0
"""Time between two looks, however many ask for them."""
UNSERVED_S: Final = 5.0
"""Time between two looks while our own kind is missing, or the API server does not answer."""

log = logging.getLogger(__name__)


class Serves(Protocol):
    """What discovery needs of the API server."""

    async def is_served(self, kind: Kind) -> bool: ...


class Discovery:
    """`serve` is called with the children's kinds at first and whenever they change."""

    def __init__(
        self,
        api: Serves,
        settings: OperatorSettings,
        serve: Callable[[tuple[Kind, ...]], Awaitable[None]],
    ) -> None:
        self._api = api
        self._settings = settings
        self._serve = serve
        self._kinds: tuple[Kind, ...] | None = None
        self.look = asyncio.Event()
        """Set it to look at once."""
        self.offering = self._offered(frozenset())
        served = settings.served()
        self.is_lease_watched = not served or settings.operator_namespace in served
        """The streams show our own Lease."""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.look.clear()
            span_s = self._settings.discovery_s if await self._looked() else UNSERVED_S
            await asyncio.sleep(SOONEST_S)
            try:
                async with asyncio.timeout(span_s):
                    await self.look.wait()
            except TimeoutError:
                continue

    def text(self) -> str:
        """For `/readyz`."""
        return "not watching: no CodelabAgent definition" if self._kinds is None else "watching"

    async def _looked(self) -> bool:
        """Ask for each optional kind; whether our own is there and everything was answered."""
        try:
            if not await self._api.is_served(AGENT):
                log.warning("the cluster has no CodelabAgent definition")
                return False
            optional = [kind for kind in CHILDREN if kind.is_optional]
            there = frozenset([kind for kind in optional if await self._api.is_served(kind)])
        except ApiError as error:
            log.warning("discovery failed", extra={"reason": str(error)})
            return False
        kinds = tuple(kind for kind in CHILDREN if not kind.is_optional or kind in there)
        if kinds != self._kinds:
            self._kinds, self.offering = kinds, self._offered(there)
            await self._serve(kinds)
        return True

    def _offered(self, there: frozenset[Kind]) -> Offering:
        """What children may be of."""
        return Offering(
            service_monitors=SERVICE_MONITOR in there,
            http_routes=HTTP_ROUTE in there,
            operator_namespace=self._settings.operator_namespace,
            is_development=self._settings.dev,
        )
