"""The skeleton of a service: probes, `/metrics`, error mapping, request ids, one lifespan.

The only user of FastAPI in core.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final, Literal

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from codelab_core.clock import SYSTEM_CLOCK, Clock, rfc3339
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.internal_keys import Keyring
from codelab_core.middleware import InternalAuth, RequestContext
from codelab_core.observability import REQUEST_ID
from codelab_core.protocol.answers import Health, Problem

CHECK_TIMEOUT_S: Final = 2.0
PROBLEM: Final = "application/problem+json"
MAX_FAULTS: Final = 20
"""Faults of one body that an answer names; there may be as many as the body has values."""

State = Literal["starting", "ok", "draining", "store"]
Check = Callable[[], Awaitable[None]]
"""Returns when a dependency answers; raises any exception when it does not."""
Judge = Callable[[Mapping[str, bool]], bool]
"""Whether a service is healthy, by the names of its checks and whether they are well."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Readiness:
    """Whether a service wants traffic: set by the service, shown by `/health/ready`."""

    state: State = "starting"


def all_well(states: Mapping[str, bool]) -> bool:
    """Healthy only with every dependency."""
    return all(states.values())


@dataclass(frozen=True, slots=True)
class Service:
    """What `build_app` needs to know of one service; `checks` are named as `/health` shows them.

    `judge` says by their outcomes whether the service is healthy.
    """

    name: str
    lifespan: Lifespan | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    judge: Judge = all_well
    keys: Keyring | None = None
    readiness: Readiness = field(default_factory=Readiness)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    clock: Clock = SYSTEM_CLOCK
    health_paths: Sequence[str] = ("/health",)


def release() -> str:
    """The version of this installation; all packages share it."""
    return version("codelab-core")


def build_app(service: Service) -> FastAPI:
    """An application with everything that all services have; the caller adds its routes."""
    app = FastAPI(
        title=f"codelab {service.name}",
        version=release(),
        lifespan=service.lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses={"default": {"model": Problem, "description": "Refused, or failed"}},
    )
    app.state.readiness = service.readiness
    add_probes(app, service)
    app.add_exception_handler(CodelabError, answer_error)
    app.add_exception_handler(RequestValidationError, answer_error)
    app.add_exception_handler(HTTPException, answer_error)
    if service.keys:
        app.add_middleware(InternalAuth, keys=service.keys)
    app.add_middleware(
        RequestContext,
        service=service.name,
        registry=service.registry,
        clock=service.clock,
        answer=problem,
    )
    return app


def add_probes(app: FastAPI, service: Service) -> None:
    """Add `/health`, `/health/live`, `/health/ready` and `/metrics`."""
    began = service.clock.monotonic()

    @app.get("/health/live", include_in_schema=False)
    async def live() -> Response:
        return json_response({"status": "ok"})

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> Response:
        state = service.readiness.state
        return json_response({"status": state}, 200 if state == "ok" else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)

    async def health() -> Response:
        """State of the service and of what it depends on; for people, not for probes."""
        checks = await run_checks(service.checks)
        healthy = service.judge({name: outcome == "ok" for name, outcome in checks.items()})
        body = {
            "status": "healthy" if healthy else "unhealthy",
            "service": service.name,
            "version": release(),
            "uptime_s": int(service.clock.monotonic() - began),
            "timestamp": rfc3339(service.clock.wall_ms()),
            "checks": checks,
        }
        return json_response(body, 200 if healthy else 503)

    for path in service.health_paths:
        app.add_api_route(
            path,
            health,
            tags=["probes"],
            response_model=Health,
            responses={503: {"model": Health, "description": "A dependency does not answer"}},
        )


async def run_checks(checks: Mapping[str, Check]) -> dict[str, str]:
    """`ok`, `timeout` or `error: …` per dependency, all asked at once."""
    async with asyncio.TaskGroup() as tasks:
        running = {name: tasks.create_task(_outcome(check)) for name, check in checks.items()}
    return {name: task.result() for name, task in running.items()}


async def _outcome(check: Check) -> str:
    """What one check says; a fault is an answer here, not an error of ours."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except TimeoutError:
        return "timeout"
    except CodelabError as error:
        return f"error: {error.code}/{error.reason}" if error.reason else f"error: {error.code}"
    except Exception as error:  # noqa: BLE001 -- whatever a dependency throws is its state
        return f"error: {type(error).__name__}"
    return "ok"


def json_response(body: Any, status: int = 200, *, media_type: str | None = None) -> Response:
    """JSON by orjson."""
    return Response(orjson.dumps(body), status, media_type=media_type or "application/json")


async def answer_error(_request: Request, error: Exception) -> Response:
    """`problem`, as the framework's table of exception handlers wants it."""
    return problem(error)


def problem(error: Exception) -> Response:
    """Any exception as the one problem body that all services answer with.

    What nobody expected is logged here, once, and told to the caller by the request's id only.
    """
    known = as_codelab_error(error)
    own_status = error.status_code if isinstance(error, HTTPException) else known.kind.status
    if known.code is Code.INTERNAL:
        log.error("request failed", exc_info=error)
    body = {"error": known.to_wire() | {"request_id": REQUEST_ID.get()}}
    response = json_response(body, own_status or 500, media_type=PROBLEM)
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})  # such as Allow beside a 405
    if known.code is Code.UNAUTHORIZED:
        response.headers["www-authenticate"] = "Bearer"
    if known.retry_after_ms is not None:
        response.headers["retry-after"] = str(-(-known.retry_after_ms // 1000))
    return response


def as_codelab_error(error: Exception) -> CodelabError:
    """The error of the table that an exception stands for; values of a bad body are never shown."""
    match error:
        case CodelabError():
            return error
        case RequestValidationError():
            shown = error.errors()[:MAX_FAULTS]
            faults = [{"loc": list(e["loc"]), "msg": e["msg"]} for e in shown]
            return CodelabError(Code.INVALID_REQUEST, "body", errors=faults)
        case HTTPException() | ClientDisconnect():
            return _as_refusal(error)
    return CodelabError(Code.INTERNAL)


def _as_refusal(error: HTTPException | ClientDisconnect) -> CodelabError:
    """What the framework refused by itself: no such route, wrong method, unreadable body."""
    if isinstance(error, ClientDisconnect):
        return CodelabError(Code.INVALID_REQUEST, "body", message="The body ended early.")
    if error.status_code in {404, 405}:
        return CodelabError(Code.NOT_FOUND, "route", message=str(error.detail))
    return CodelabError(Code.INVALID_REQUEST, "body", message=str(error.detail))
