"""What the gateway is built of, and in which order it is opened, drained and closed."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import WebSocketRoute

from codelab_core.clock import SYSTEM_CLOCK, Clock, jitter_source
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.internal_keys import load_internal_keys
from codelab_core.middleware import Receive, Scope, Send
from codelab_core.server import Running, bind, cancelled_at_end
from codelab_core.service import Readiness, Service, build_app
from codelab_core.settings import GatewaySettings
from codelab_gateway.admission import Admission, refuse
from codelab_gateway.attachment import Gateway
from codelab_gateway.authentication import Authenticator
from codelab_gateway.connection import WebSocketEndpoint
from codelab_gateway.dev_login import DevLogin
from codelab_gateway.draining import drain
from codelab_gateway.endpoints import Endpoints
from codelab_gateway.limits import Callers
from codelab_gateway.membership import Membership
from codelab_gateway.metrics import Metrics
from codelab_gateway.relays import Relays
from codelab_gateway.runtime_client import RuntimeClient
from codelab_gateway.sessions_api import SessionsApi
from codelab_gateway.socket_protocol import AbortableProtocol
from codelab_gateway.trust import origins_of

MAX_HEAD_BYTES: Final = 32_768
MARGIN_BYTES: Final = 65_536
"""A frame that is larger by less than this is refused by us, with an `error` frame before 1009."""


@asynccontextmanager
async def gateway(
    settings: GatewaySettings,
    *,
    listener: socket.socket | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> AsyncIterator[Running]:
    """The gateway, ready to be served; `listener` is a socket that is bound already."""
    keys = load_internal_keys(settings)
    authenticator = Authenticator.load(settings, clock)
    registry, jitter = CollectorRegistry(), jitter_source()
    metrics = Metrics(registry)
    endpoints = Endpoints(settings.runtime_url, clock, metrics)
    client = RuntimeClient(endpoints, keys, jitter)
    service = Service(
        settings.service,
        checks={"agent-runtime": client.check},
        readiness=Readiness("ok"),
        registry=registry,
        clock=clock,
        health_paths=("/health", "/api/v1/health"),
    )
    async with cancelled_at_end() as tasks, client:
        own = [keys.watch] if keys else []
        for watch in (*own, *(file.watch for file in authenticator.trust.files), endpoints.watch):
            tasks.create_task(watch())
        shared = Gateway(
            settings=settings,
            admission=Admission(authenticator, Callers(settings), client, clock, service.readiness),
            client=client,
            relays=Relays(client, tasks, jitter, metrics.streams),
            metrics=metrics,
            clock=clock,
            membership=Membership(client, tasks),
            connections=set(),
        )
        app = build_app(service)
        _add_routes(app, shared, authenticator)
        _allow_origins(app, origins_of(settings))

        async def leave() -> None:
            service.readiness.state = "draining"
            await drain(shared.connections)
            await shared.membership.settled()

        running = listener or bind(settings.host, settings.port)
        yield Running(app, running, leave, _server_options(settings))


def _server_options(settings: GatewaySettings) -> dict[str, Any]:
    """What the server must know: bounds for strangers, and nothing about the rest of the world.

    h11 bounds the size of a request's head, which httptools does not. Compression would cost 132 KB
    per socket.
    """
    return {
        "http": "h11",
        "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
        "ws": AbortableProtocol,
        "ws_max_size": settings.max_frame_bytes + MARGIN_BYTES,
        "ws_per_message_deflate": False,
        "ws_ping_interval": settings.ping_interval_s,
        "ws_ping_timeout": settings.ping_timeout_s,
    }


def _add_routes(app: FastAPI, shared: Gateway, authenticator: Authenticator) -> None:
    """Add REST and WebSocket routes; other WebSocket paths are refused by HTTP."""
    app.include_router(SessionsApi(authenticator, shared.client).router())
    if authenticator.dev:
        app.include_router(DevLogin(authenticator).router())
    endpoint = WebSocketEndpoint(shared)
    for path in ("/ws/{session_id}", "/api/v1/ws/{session_id}"):
        app.router.routes.append(WebSocketRoute(path, endpoint))
    app.router.routes.append(WebSocketRoute("/{path:path}", _NoSuchPath()))


def _allow_origins(app: FastAPI, origins: list[str]) -> None:
    """Let pages of these origins read our answers; without any, no page of another origin may."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["retry-after", "x-request-id"],
        )


class _NoSuchPath:
    """Any other WebSocket path. An object: a function would be called as a route's is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, whoever asks."""
        await refuse(scope, receive, send, CodelabError(Code.NOT_FOUND, "route"))
