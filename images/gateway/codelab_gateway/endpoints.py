"""The runtime's addresses: which to ask for a session, and which to leave alone for now."""

from codelab_core.breaker import Breaker, BreakerState
from codelab_core.clock import Clock
from codelab_gateway.metrics import Metrics
from codelab_gateway.ring import preferred


class Endpoints:
    """Base URLs of runtimes, each behind a circuit breaker."""

    def __init__(self, urls: str, clock: Clock, metrics: Metrics) -> None:
        self._addresses = [url.strip().rstrip("/") for url in urls.split(",") if url.strip()]
        self._breakers = {address: Breaker() for address in self._addresses}
        self._clock = clock
        self._metrics = metrics

    def order(self, session_id: str) -> list[str]:
        """All addresses, the session's own first."""
        return preferred(session_id, self._addresses)

    def allows(self, address: str) -> bool:
        """Whether to ask this address now."""
        return self._breakers[address].allows(self._clock.monotonic())

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
