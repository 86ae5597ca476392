"""What the proxy counts; labels come from configuration, never from callers."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from codelab_core.clock import Clock
from codelab_llmproxy.call_metrics import CallMetrics
from codelab_llmproxy.catalogue import Catalogue, Target
from codelab_llmproxy.token_rate import TokenRate


class Metrics:
    """The collectors of one application, in its own registry."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._rate = TokenRate()
        rate = Gauge(
            "llm_proxy_tokens_per_second",
            "Output tokens of the last 10 seconds, per second",
            registry=registry,
        )
        rate.set_function(lambda: self._rate.per_second(clock.monotonic()))
        self._live = Gauge(
            "codelab_llmproxy_inflight", "Inferences that are being produced", registry=registry
        )
        self._attempts = Counter(
            "codelab_llmproxy_attempts_total",
            "Upstream calls by how they ended",
            ("provider", "model", "class"),
            registry=registry,
        )
        self._malformed = Counter(
            "codelab_llmproxy_malformed_events_total",
            "Events of providers that could not be decoded",
            ("provider",),
            registry=registry,
        )
        self._available = Gauge(
            "codelab_llmproxy_provider_available",
            "Whether the last call of a provider did not fail by its fault",
            ("provider",),
            registry=registry,
        )
        self._wasted = Counter(
            "codelab_llmproxy_wasted_tokens_total",
            "Chunks of answers that nobody took",
            ("reason",),
            registry=registry,
        )
        self._providers: set[str] = set()
        self._config_valid = Gauge(
            "codelab_llmproxy_config_valid",
            "Whether the configuration file is the one that is in use",
            registry=registry,
        )
        self.calls = CallMetrics(registry)

    def count_live(self, live: Callable[[], int]) -> None:
        """Show how many inferences are live, asked for at each scrape."""
        self._live.set_function(live)

    def count_tokens(self, tokens: int) -> float:
        """Output tokens that just came; returns the moment. Hot: once per token."""
        now = self._clock.monotonic()
        self._rate.add(tokens, now)
        return now

    def count_attempt(self, target: Target, outcome: str, malformed: int) -> None:
        """An upstream call that ended."""
        self._attempts.labels(target.provider.name, target.label, outcome).inc()
        if malformed:
            self._malformed.labels(target.provider.name).inc(malformed)

    def show_available(self, provider: str, *, is_available: bool) -> None:
        """How a provider is doing; one that was never called is taken to be well."""
        self._available.labels(provider).set(is_available)

    def show_providers(self, catalogue: Catalogue) -> None:
        """The providers there are now; those of before are shown no longer."""
        names = {provider.name for provider in catalogue.providers}
        for gone in self._providers - names:
            self._available.remove(gone)
        for new in names - self._providers:
            self.show_available(new, is_available=True)
        self._providers = names

    def show_config(self, is_valid: Callable[[], bool]) -> None:
        """Whether the configuration file is the one in use, asked for at each scrape."""
        self._config_valid.set_function(is_valid)

    def count_wasted(self, reason: str, chunks: int) -> None:
        """Chunks that were recorded for nobody."""
        self._wasted.labels(reason).inc(chunks)

    def now(self) -> float:
        """The moment, for `since`."""
        return self._clock.monotonic()

    def since(self, began: float) -> float:
        """Seconds since a moment."""
        return self._clock.monotonic() - began
