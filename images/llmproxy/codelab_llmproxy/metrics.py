"""What the proxy counts; labels come from configuration, never from callers."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from codelab_core.clock import Clock
from codelab_llmproxy.catalogue import Target
from codelab_llmproxy.providers import Provider
from codelab_llmproxy.token_rate import TokenRate

_FIRST_TOKEN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


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
        self._first_token = Histogram(
            "codelab_llmproxy_first_chunk_seconds",
            "Time from the request to the first chunk of the answer",
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=registry,
        )

    def count_live(self, live: Callable[[], int]) -> None:
        """Show how many inferences are live, asked for at each scrape."""
        self._live.set_function(live)

    def count_tokens(self, tokens: int) -> None:
        """Output tokens that just came. Hot: once per token."""
        if tokens:
            self._rate.add(tokens, self._clock.monotonic())

    def count_attempt(self, target: Target, outcome: str, malformed: int) -> None:
        """An upstream call that ended."""
        self._attempts.labels(target.provider.name, target.label, outcome).inc()
        if malformed:
            self._malformed.labels(target.provider.name).inc(malformed)

    def show_available(self, provider: Provider, *, is_available: bool) -> None:
        """How a provider is doing; one that was never called is taken to be well."""
        self._available.labels(provider.name).set(is_available)

    def count_wasted(self, reason: str, chunks: int) -> None:
        """Chunks that were recorded for nobody."""
        self._wasted.labels(reason).inc(chunks)

    def observe_first_chunk(self, began: float) -> None:
        """The first chunk of an answer that was asked for at a moment."""
        self._first_token.observe(self._clock.monotonic() - began)
