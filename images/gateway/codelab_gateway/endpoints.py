"""The runtime's addresses: which to ask for a session, and which to leave alone for now."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from codelab_core.breaker import Breaker, BreakerState
from codelab_core.clock import Clock
from codelab_gateway.metrics import Metrics
from codelab_gateway.ring import preferred

REFRESH_S: Final = 2.0
LEAST_PAUSE_S: Final = 0.5
RESOLVE_TIMEOUT_S: Final = 5.0

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of host and port; raises `OSError` where there are none."""

log = logging.getLogger(__name__)


async def resolved(host: str, port: int) -> list[str]:
    """All addresses behind a name: those of IPv4 where it has any, our services listen there."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    hosts = {family: set[str]() for family in (socket.AF_INET, socket.AF_INET6)}
    for family, _, _, _, address in found:
        hosts[socket.AddressFamily(family)].add(str(address[0]))
    return sorted(hosts[socket.AF_INET] or hosts[socket.AF_INET6])


class Endpoints:
    """Addresses of runtimes, each behind a circuit breaker.

    `urls` are base URLs, separated by commas. A name stands for all addresses that it resolves to:
    the pods of a headless Service. Until that has worked once, the name itself is the address.
    """

    def __init__(
        self, urls: str, clock: Clock, metrics: Metrics, resolve: Resolve = resolved
    ) -> None:
        bases = [url.strip().rstrip("/") for url in urls.split(",") if url.strip()]
        self._known = {base: [base] for base in bases}
        self._breakers = {base: Breaker() for base in bases}
        self._clock = clock
        self._metrics = metrics
        self._resolve = resolve
        self._trouble = asyncio.Event()

    @property
    def addresses(self) -> list[str]:
        """Base URLs, one per runtime that is known now."""
        return list(self._breakers)

    async def watch(self) -> None:
        """Resolve names every 2 s, sooner after a failure, until cancelled."""
        while any(_is_name(urlsplit(base)) for base in self._known):
            await self.refresh()
            await asyncio.sleep(LEAST_PAUSE_S)
            self._trouble.clear()
            try:
                async with asyncio.timeout(REFRESH_S - LEAST_PAUSE_S):
                    await self._trouble.wait()
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Resolve names once; what does not resolve stays as it was."""
        for base in self._known:
            parts = urlsplit(base)
            if not _is_name(parts):
                continue
            try:
                async with asyncio.timeout(RESOLVE_TIMEOUT_S):
                    hosts = await self._resolve(parts.hostname or "", parts.port or 80)
            except (OSError, ValueError):  # no answer, no such name, or none that can be one
                log.debug("the runtime's name does not resolve")
                continue
            self._known[base] = [_with_host(parts, host) for host in hosts] or self._known[base]
        self._replace([address for known in self._known.values() for address in known])

    def _replace(self, addresses: list[str]) -> None:
        """Know these addresses from now on; those that stay keep their breakers."""
        gone = self._breakers.keys() - set(addresses)
        for address in gone:
            self._metrics.forget_address(address)
        if gone or len(addresses) != len(self._breakers):
            log.info("runtime addresses changed", extra={"count": len(addresses)})
        self._breakers = {a: self._breakers.get(a) or Breaker() for a in addresses}

    def choose(self, session_id: str, tried: Collection[str] = ()) -> str | None:
        """The address to ask next: the session's own first, one that was `tried` only if need be.

        `None` while every breaker is open. To be chosen is to be a breaker's probe, so the outcome
        must be told.
        """
        order = preferred(session_id, self.addresses)
        wanted = sorted(order, key=lambda address: address in tried)  # stable: keeps the order
        now = self._clock.monotonic()
        return next((a for a in wanted if self._breakers[a].allows(now)), None)

    def succeeded(self, address: str) -> None:
        """The address answered; a refusal is an answer too."""
        if address in self._breakers:
            self._breakers[address].succeeded()
            self._observe(address)

    def failed(self, address: str) -> None:
        """Connect error, timeout or 5xx."""
        self._trouble.set()
        if address in self._breakers:
            self._breakers[address].failed(self._clock.monotonic())
            self._observe(address)

    def _observe(self, address: str) -> None:
        """Show the breaker's state."""
        state = self._breakers[address].state(self._clock.monotonic())
        self._metrics.breakers.labels(address).set(state is not BreakerState.CLOSED)


def _is_name(base: SplitResult) -> bool:
    """Whether a URL's host may stand for several addresses.

    With TLS the name is what the certificate is for. `localhost` is one machine, by whichever
    family it listens.
    """
    host = base.hostname or "localhost"
    if base.scheme != "http" or host == "localhost":
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def _with_host(base: SplitResult, host: str) -> str:
    """The same URL, for one of its addresses."""
    shown = f"[{host}]" if ":" in host else host
    return base._replace(netloc=f"{shown}:{base.port or 80}").geturl()
