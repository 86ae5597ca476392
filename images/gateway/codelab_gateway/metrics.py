"""What the gateway counts. Labels come from closed sets."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

TYPE_STARTS: Final = len(b'{"type":"')
MAX_KINDS: Final = 64
"""Types of frames that have a label of their own: the server's union is smaller than this."""


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
        self.refused = Counter(
            "codelab_gateway_refused_total",
            "WebSockets refused before the upgrade, by error code",
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
        self._sent: dict[bytes, Counter] = {}

    def sent(self, frame: bytes) -> None:
        """Count a frame on its way out; its type is its first key. Hot: once per token."""
        kind = frame[TYPE_STARTS : frame.find(b'"', TYPE_STARTS)]
        counter = self._sent.get(kind)
        if counter is None:
            if len(self._sent) >= MAX_KINDS:
                kind = b"other"
            counter = self._sent[kind] = self.frames.labels("out", kind.decode())
        counter.inc()

    def forget_address(self, address: str) -> None:
        """An address is no longer a runtime's: pods come and go, and their numbers are many."""
        try:
            self.breakers.remove(address)
        except KeyError:  # it was never asked
            return
