"""A program that is well on every port: in the place of a service, or of a provider with keys.

It runs in an image of its own with nothing but the standard library.
"""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERVICES = (8000, 8001, 8002)
PROVIDER = 9000
HEALTH = json.dumps({"checks": {"redis": "ok", "llm-proxy": "ok", "scripted": "ok"}}).encode()
MODELS = json.dumps({"object": "list", "data": []}).encode()


class Handler(BaseHTTPRequestHandler):
    """Says that all is well; as a provider, to those who show a key that begins with `good`."""

    def do_GET(self) -> None:
        """Health of a service, or the models of a provider."""
        if self.connection.getsockname()[1] != PROVIDER:
            self._answer(200, HEALTH)
            return
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.log_message("key %s", key)
        self._answer(200 if key.startswith("good") else 401, MODELS)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # nobody else does it for process 1
    for port in SERVICES:
        server = ThreadingHTTPServer(("", port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", PROVIDER), Handler).serve_forever()
