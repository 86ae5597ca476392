"""Pure ASGI middleware of every service: request id and log line, and the key between services."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

import orjson
from prometheus_client import CollectorRegistry, Counter, Histogram

from codelab_core.clock import Clock, random_hex
from codelab_core.internal_keys import Keyring
from codelab_core.observability import REQUEST_ID, SERVICE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = Callable[[Exception], App]
"""The response, itself an application, to an exception that nobody expected."""

OPEN_PATHS: Final = ("/health", "/health/live", "/health/ready", "/metrics")
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that a label of a metric may hold; a caller may invent any number of others."""
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger(__name__)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that lower-case name."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in headers if key == name), None)


class RequestContext:
    """Gives every request an id, one log line and its metrics; nothing that fails gets past it.

    A good `X-Request-Id` from the caller is kept, any other replaced; the answer carries it, also
    the one that `answer` makes of an exception.
    """

    def __init__(
        self, app: App, *, service: str, registry: CollectorRegistry, clock: Clock, answer: Answer
    ) -> None:
        self._app = app
        self._service = service
        self._clock = clock
        self._answer = answer
        labels = ("route", "method", "status")
        prefix = f"codelab_{service.replace('agent-', '').replace('-', '')}"
        self._requests = Counter(
            f"{prefix}_http_requests_total", "HTTP requests", labels, registry=registry
        )
        self._seconds = Histogram(
            f"{prefix}_http_request_seconds", "Time to answer", ("route",), registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket inside its context."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id") or b""
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else random_hex(16)
        tokens = (SERVICE.set(self._service), REQUEST_ID.set(request_id))
        try:
            if scope["type"] == "http":
                await self._serve_http(scope, receive, _Response(send, request_id))
            else:
                await self._app(scope, receive, send)
        finally:
            SERVICE.reset(tokens[0])
            REQUEST_ID.reset(tokens[1])

    async def _serve_http(self, scope: Scope, receive: Receive, response: "_Response") -> None:
        """Serve, then count and log."""
        began = self._clock.monotonic()
        try:
            await self._app(scope, receive, response.send)
        except Exception as error:
            if response.status:  # too late for an answer: the server cuts the connection
                raise
            await self._answer(error)(scope, receive, response.send)
        finally:
            self._record(scope, response.status or 500, self._clock.monotonic() - began)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        """One count, one observation, one line; probes and scrapes leave no line."""
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)
        if scope["path"] not in OPEN_PATHS:
            facts = {"route": route, "method": method, "status": status}
            log.info("request served", extra=facts | {"duration_ms": round(seconds * 1000, 1)})


class _Response:
    """One response on its way out; `status` is 0 until it has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass on, with the request's id among the headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = (b"x-request-id", self._request_id)
            message["headers"] = [*message.get("headers", ()), own]
        await self._send(message)


class InternalAuth:
    """Refuses every request without the key between services, before routing and body.

    Only probes and `/metrics` are open. The answer is 401 `{"detail":"unauthorized"}`.
    """

    def __init__(self, app: App, *, keys: Keyring) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._is_allowed(scope):
            await self._app(scope, receive, send)
            return
        body = orjson.dumps({"detail": "unauthorized"})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _is_allowed(self, scope: Scope) -> bool:
        """Whether the request bears a key that we accept."""
        given = header(scope, b"x-internal-auth")
        return given is not None and self._keys.accepts(given.decode("latin-1"))
