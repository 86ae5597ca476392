"""A small HTTP server that gives one answer to everything and remembers what it was asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass(frozen=True, slots=True)
class Reply:
    """What every request gets."""

    status: int
    body: bytes = b""


class OneAnswerServer(HTTPServer):
    """`requests` holds method, path and Authorization of each request."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply = reply
        self.requests: list[tuple[str, str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: OneAnswerServer

    def _answer(self) -> None:
        asked = (self.command, self.path, self.headers.get("Authorization"))
        self.server.requests.append(asked)
        self.send_response(self.server.reply.status)
        self.send_header("Content-Length", str(len(self.server.reply.body)))
        self.end_headers()
        self.wfile.write(self.server.reply.body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 -- names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def http_server(reply: Reply) -> Iterator[OneAnswerServer]:
    """The server, in a thread of its own."""
    with OneAnswerServer(reply) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
