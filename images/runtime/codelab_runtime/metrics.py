"""What the runtime counts. Labels come from closed sets, never from sessions or models."""

from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from codelab_runtime.turn.records import TurnReason

INFERENCE_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
TOOL_BUCKETS_S: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 3600)


class Metrics:
    """Counters of one application, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.inferences = Counter(
            "agent_llm_requests_total", "Inferences asked for", registry=registry
        )
        self.inference_seconds = Histogram(
            "codelab_runtime_inference_seconds",
            "Time from asking the model to its whole answer",
            buckets=INFERENCE_BUCKETS_S,
            registry=registry,
        )
        self.tool_seconds = Histogram(
            "codelab_runtime_tool_seconds",
            "Time of a call from when it may run to its outcome",
            ("tool",),
            buckets=TOOL_BUCKETS_S,
            registry=registry,
        )
        self.turns = Counter(
            "codelab_runtime_turns_total", "Turns that ended", ("reason",), registry=registry
        )
        for reason in get_args(TurnReason):
            self.turns.labels(reason)  # a reason that never came up reads 0, not nothing
        self.owned = Gauge(
            "codelab_runtime_owned_sessions", "Sessions driven by this process", registry=registry
        )
        self.events = Counter(
            "codelab_runtime_events_total", "Events written to the log", registry=registry
        )
