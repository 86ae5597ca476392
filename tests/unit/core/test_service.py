import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import orjson
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from codelab_core import service as module
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import InternalKeys
from codelab_core.service import (
    MAX_FAULTS,
    Readiness,
    Service,
    answer_error,
    build_app,
    release,
    run_checks,
)


class Stopped:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def wall_ms(self) -> int:
        return 1_767_605_400_000

    def monotonic(self) -> float:
        return self.now


class Body(BaseModel):
    number: int
    items: list[int] = []


def built(service: Service) -> FastAPI:
    app = build_app(service)

    @app.post("/numbers")
    async def numbers(body: Body) -> int:
        return body.number

    @app.get("/fail")
    async def fail() -> None:
        raise ValueError("secret inside")

    @app.get("/refuse")
    async def refuse() -> None:
        raise CodelabError(Code.RATE_LIMIT, "messages", retry_after_ms=1500, limit="20/s")

    return app


def client(service: Service | None = None) -> httpx2.AsyncClient:
    app = built(service or Service("gateway"))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")


async def good() -> None:
    """A dependency that answers."""


async def broken() -> None:
    raise ConnectionError("refused")


async def test_health_names_what_the_service_depends_on() -> None:
    clock = Stopped()
    async with client(Service("gateway", checks={"agent-runtime": good}, clock=clock)) as http:
        clock.now += 120.9

        answer = await http.get("/health")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "healthy",
        "service": "gateway",
        "version": release(),
        "uptime_s": 120,
        "timestamp": "2026-01-05T09:30:00.000Z",
        "checks": {"agent-runtime": "ok"},
    }


async def test_health_is_503_when_a_dependency_fails() -> None:
    async with client(Service("llm-proxy", checks={"redis": broken, "provider": good})) as http:
        answer = await http.get("/health")

    assert answer.status_code == 503
    assert answer.json()["status"] == "unhealthy"
    assert answer.json()["checks"] == {"redis": "error: ConnectionError", "provider": "ok"}


async def test_health_tells_an_error_of_ours_by_its_code_and_class() -> None:
    async def refused() -> None:
        raise CodelabError(Code.PROVIDER_AUTH, "key_missing")

    async def lost() -> None:
        raise CodelabError(Code.PROVIDER_ERROR)

    async with client(Service("llm-proxy", checks={"a": refused, "b": lost})) as http:
        answer = await http.get("/health")

    checks = {"a": "error: PROVIDER_AUTH/key_missing", "b": "error: PROVIDER_ERROR"}
    assert answer.json()["checks"] == checks


async def test_a_service_may_do_with_one_of_its_dependencies() -> None:
    def one_of_them(states: Mapping[str, bool]) -> bool:
        return any(states.values())

    service = Service("llm-proxy", checks={"a": broken, "b": good}, judge=one_of_them)
    async with client(service) as http:
        answer = await http.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")


async def test_a_dependency_that_hangs_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "CHECK_TIMEOUT_S", 0.01)

    assert await run_checks({"redis": hang, "other": good}) == {"redis": "timeout", "other": "ok"}


@pytest.mark.parametrize(
    ("state", "status"), [("starting", 503), ("ok", 200), ("draining", 503), ("store", 503)]
)
async def test_readiness_is_what_the_service_says_and_liveness_always_good(
    state: Any, status: int
) -> None:
    async with client(Service("gateway", readiness=Readiness(state))) as http:
        ready, live = await http.get("/health/ready"), await http.get("/health/live")

    assert (ready.status_code, ready.json()) == (status, {"status": state})
    assert (live.status_code, live.json()) == (200, {"status": "ok"})


async def test_metrics_are_those_of_the_applications_own_registry() -> None:
    registry = CollectorRegistry()
    Counter("codelab_test_total", "A count", registry=registry).inc()

    async with client(Service("gateway", registry=registry)) as http:
        answer = await http.get("/metrics")

    assert "codelab_test_total 1.0" in answer.text


async def test_no_page_shows_the_api_to_everybody() -> None:
    async with client() as http:
        statuses = [
            (await http.get(path)).status_code for path in ("/docs", "/redoc", "/openapi.json")
        ]

    assert statuses == [404, 404, 404]


async def test_a_refusal_is_a_problem_body_with_the_request_id() -> None:
    async with client() as http:
        answer = await http.get("/refuse", headers={"X-Request-Id": "r1"})

    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    assert answer.json() == {
        "error": {
            "code": "RATE_LIMIT",
            "class": "messages",
            "message": "Too many requests.",
            "details": {"limit": "20/s"},
            "retryable": True,
            "retry_after_ms": 1500,
            "request_id": "r1",
        }
    }


async def test_an_unexpected_exception_tells_its_request_id_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with client() as http:
        answer = await http.get("/fail", headers={"X-Request-Id": "r1"})

    assert answer.status_code == 500
    assert answer.json() == {
        "error": {
            "code": "INTERNAL",
            "message": "Something went wrong on our side.",
            "retryable": True,
            "request_id": "r1",
        }
    }
    assert answer.headers["x-request-id"] == "r1"
    assert [record.message for record in caplog.records] == ["request failed"]


async def test_a_bad_body_names_places_and_never_values() -> None:
    async with client() as http:
        answer = await http.post("/numbers", json={"number": "secret"})

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["code"], error["class"]) == ("INVALID_REQUEST", "body")
    assert [fault["loc"] for fault in error["details"]["errors"]] == [["body", "number"]]
    assert "secret" not in answer.text


async def test_a_body_with_any_number_of_faults_has_a_short_answer() -> None:
    async with client() as http:
        answer = await http.post("/numbers", json={"number": 1, "items": ["x"] * 5000})

    assert len(answer.json()["error"]["details"]["errors"]) == MAX_FAULTS


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [("GET", "/unknown", 404, None), ("DELETE", "/numbers", 405, "POST")],
)
async def test_what_is_not_there_is_said_in_our_own_shape(
    method: str, path: str, status: int, allow: str | None
) -> None:
    async with client() as http:
        answer = await http.request(method, path)

    error = answer.json()["error"]
    assert answer.status_code == status
    assert (error["code"], error["class"]) == ("NOT_FOUND", "route")
    assert answer.headers.get("allow") == allow


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        pytest.param(HTTPException(400, "no JSON"), 400, "INVALID_REQUEST", id="framework"),
        pytest.param(ClientDisconnect(), 400, "INVALID_REQUEST", id="client-left"),
        pytest.param(CodelabError(Code.TURN_LIMIT, "steps"), 500, "TURN_LIMIT", id="no-status"),
    ],
)
async def test_every_exception_has_an_answer(error: Exception, status: int, code: str) -> None:
    answer = await answer_error(Request({"type": "http"}), error)

    assert answer.status_code == status
    assert orjson.loads(answer.body)["error"]["code"] == code


async def test_a_401_names_the_scheme() -> None:
    refusal = CodelabError(Code.UNAUTHORIZED, "missing")

    answer = await answer_error(Request({"type": "http"}), refusal)

    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_service_with_keys_asks_for_one_on_every_path_but_the_probes() -> None:
    async with client(Service("agent-runtime", keys=InternalKeys(("k",)))) as http:
        refused = await http.get("/unknown")
        probe = await http.get("/health/live")
        known = await http.get("/unknown", headers={"X-Internal-Auth": "k"})

    assert (refused.status_code, probe.status_code, known.status_code) == (401, 200, 404)
    assert "x-request-id" in refused.headers
