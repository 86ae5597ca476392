"""Counters of the operator. No label names an agent."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Metrics:
    """Built on the registry that it is given; nothing registers at import."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.reconcile_seconds = Histogram(
            "codelab_operator_reconcile_seconds",
            "Time of one pass over an agent",
            ["result"],
            buckets=FAST,
            registry=registry,
        )
        self.ready_seconds = Histogram(
            "codelab_operator_ready_seconds",
            "From a new generation seen to Ready",
            buckets=SLOW,
            registry=registry,
        )
        self.watch_echo_seconds = Histogram(
            "codelab_operator_watch_echo_seconds",
            "From an own write to its event on the stream",
            ["kind"],
            buckets=FAST,
            registry=registry,
        )
        self.api_requests = self._counter(
            "api_requests", "Requests to the API server", "verb", "kind", "code"
        )
        self.drift_repairs = self._counter("drift_repairs", "Children put right again", "kind")
        self.drift_fights = self._counter("drift_fights", "Children that somebody keeps changing")
        self.events_lost = self._counter("events_lost", "Events dropped because too many waited")
        self.queue_depth = self._gauge("queue_depth", "Agents that wait or are worked on")
        self.queue_age_seconds = self._gauge("queue_age_seconds", "Wait of the oldest due agent")
        self.loop_lag_seconds = self._gauge("loop_lag_seconds", "Delay of the event loop")
        self.leader = self._gauge("leader", "1 while this process leads")
        self.write_limit = self._gauge("write_limit", "Writes that may be under way")
        self.agents = Gauge(
            "codelab_operator_agents", "Agents by readiness", ["ready"], registry=registry
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"codelab_operator_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"codelab_operator_{name}", text, registry=self.registry)
