"""The runtime's addresses: which to ask for a session, and which to leave alone for now."""

from collections.abc import Collection

from codelab_core.breaker import Breaker, BreakerState
from codelab_core.clock import Clock
from codelab_gateway.metrics import Metrics
from codelab_gateway.ring import preferred


class Endpoints:
    """Base URLs of runtimes, separated by commas, each behind a circuit breaker."""

    def __init__(self, urls: str, clock: Clock, metrics: Metrics) -> None:
        addresses = (url.strip().rstrip("/") for url in urls.split(","))
        self._breakers = {address: Breaker() for address in addresses if address}
        self._clock = clock
        self._metrics = metrics

    def choose(self, session_id: str, tried: Collection[str] = ()) -> str | None:
        """The address to ask next: the session's own first, one that was `tried` only if need be.

        `None` while every breaker is open. To be chosen is to be a breaker's probe, so the outcome
        must be told.
        """
        order = preferred(session_id, list(self._breakers))
        wanted = sorted(order, key=lambda address: address in tried)  # stable: keeps the order
        now = self._clock.monotonic()
        return next((a for a in wanted if self._breakers[a].allows(now)), None)

    def succeeded(self, address: str) -> None:
        """The address answered; a refusal is an answer too."""
        self._breakers[address].succeeded()
        self._observe(address)

    def failed(self, address: str) -> None:
        """Connect error, timeout or 5xx."""
        self._breakers[address].failed(self._clock.monotonic())
        self._observe(address)

    def _observe(self, address: str) -> None:
        """Show the breaker's state."""
        state = self._breakers[address].state(self._clock.monotonic())
        self._metrics.breakers.labels(address).set(state is not BreakerState.CLOSED)
