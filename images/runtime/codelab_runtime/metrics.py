"""What the runtime counts. Labels come from closed sets, never from sessions or models."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Counters of one application, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.inferences = Counter(
            "agent_llm_requests_total", "Inferences asked for", registry=registry
        )
        self.inference_seconds = Histogram(
            "codelab_runtime_inference_seconds", "Time of an inference", registry=registry
        )
        self.tool_seconds = Histogram(
            "codelab_runtime_tool_seconds",
            "Time from a call in the log to its outcome",
            ("tool",),
            registry=registry,
        )
        self.turns = Counter(
            "codelab_runtime_turns_total", "Turns that ended", ("reason",), registry=registry
        )
        self.owned = Gauge(
            "codelab_runtime_owned_sessions", "Sessions driven by this process", registry=registry
        )
        self.events = Counter(
            "codelab_runtime_events_total", "Events written to the log", registry=registry
        )
