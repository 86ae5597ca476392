"""`/healthz`, `/readyz` and `/metrics`, from a thread: they answer when nothing else does."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a probe passes, and why."""

    passes: bool
    text: str


Judge = Callable[[], Verdict]


class ProbeServer:
    """Serves from construction on until `close`; `port` says where."""

    def __init__(
        self, place: tuple[str, int], healthz: Judge, readyz: Judge, registry: CollectorRegistry
    ) -> None:
        judges = {"/healthz": healthz, "/readyz": readyz}

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self) -> None:
                """Judge, or render the counters."""
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                elif judge := judges.get(path):
                    verdict = judge()
                    self._answer(200 if verdict.passes else 503, verdict.text.encode(), TEXT)
                else:
                    self._answer(404, b"not found", TEXT)

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: probes come every few seconds."""

        self._server = ThreadingHTTPServer(place, Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """TCP port."""
        return self._server.server_port

    def close(self) -> None:
        """Stop to serve."""
        self._server.shutdown()
        self._server.server_close()
