"""Metrics of upstream calls, by OpenTelemetry's GenAI conventions."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from codelab_core.protocol.inference import Usage
from codelab_llmproxy.catalogue import Target

_FIRST_TOKEN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_DURATION_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_USAGE_BUCKETS = (1, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
_OPERATION = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
"""Attributes of OpenTelemetry's GenAI conventions, dots as underscores."""


class CallMetrics:
    """The collectors of upstream calls, in the registry of the application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._first_token = Histogram(
            "codelab_llmproxy_first_chunk_seconds",
            "Time from the request to the first chunk of the answer",
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=registry,
        )
        self._usage_missing = Counter(
            "codelab_llmproxy_usage_missing_total",
            "Whole answers for which the provider reported no tokens",
            ("provider",),
            registry=registry,
        )
        self._rescues = Counter(
            "codelab_llmproxy_rescues_total",
            "What followed calls that failed",
            ("rung",),
            registry=registry,
        )
        self._breaker = Gauge(
            "codelab_llmproxy_breaker_state",
            "1 while calls of a target are held back after failures, until one succeeds; else 0",
            ("provider", "model"),
            registry=registry,
        )
        self._duration = Histogram(
            "gen_ai_client_operation_duration",
            "Time of an upstream call, in seconds",
            (*_OPERATION, "error_type"),
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self._usage = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of an upstream call as the provider counted them",
            (*_OPERATION, "gen_ai_token_type"),
            buckets=_USAGE_BUCKETS,
            registry=registry,
        )

    def observe_first_chunk(self, seconds: float) -> None:
        """The first chunk of an answer, so long after it was asked for."""
        self._first_token.observe(seconds)

    def count_rescue(self, rung: str) -> None:
        """What followed a call that failed."""
        self._rescues.labels(rung).inc()

    def show_breaker(self, target: Target, *, is_open: bool) -> None:
        """Whether a target is left alone."""
        self._breaker.labels(target.provider.name, target.label).set(is_open)

    def observe(self, target: Target, seconds: float, outcome: str, usage: Usage | None) -> None:
        """The whole of a call: how it ended, and the tokens that the provider counted."""
        provider, model = target.provider.name, target.label
        error = "" if outcome == "ok" else outcome
        self._duration.labels("chat", provider, model, error).observe(seconds)
        if usage is None:
            if outcome == "ok":
                self._usage_missing.labels(provider).inc()
            return
        for kind, tokens in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
            if tokens is not None:
                self._usage.labels("chat", provider, model, kind).observe(tokens)
