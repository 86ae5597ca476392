"""What the gateway counts. Labels come from closed sets."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Counters of one application, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "gateway_ws_connections", "Open WebSocket connections", registry=registry
        )
        self.frames = Counter(
            "codelab_gateway_frames_total",
            "Frames by direction and type",
            ("direction", "type"),
            registry=registry,
        )
        self.closed = Counter(
            "codelab_gateway_closed_total",
            "Connections by the code they were closed with",
            ("code",),
            registry=registry,
        )
        self.streams = Gauge(
            "codelab_gateway_streams", "Event streams read from the runtime", registry=registry
        )
        self.breakers = Gauge(
            "codelab_gateway_breaker_open",
            "1 while a runtime address is not asked",
            ("address",),
            registry=registry,
        )
