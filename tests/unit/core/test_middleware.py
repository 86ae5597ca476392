import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.identity import InternalKeys
from codelab_core.middleware import App, InternalAuth, Message, RequestContext, Scope, header
from codelab_core.observability import REQUEST_ID, SERVICE, JsonFormatter


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    lines, log = io.StringIO(), logging.getLogger("codelab_core.middleware")
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    log.addHandler(handler)
    log.setLevel("INFO")
    yield lines
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)


async def show_context(_request: Request) -> JSONResponse:
    return JSONResponse({"service": SERVICE.get(), "request_id": REQUEST_ID.get()})


async def fail(_request: Request) -> JSONResponse:
    raise ValueError("broken")


def failed(error: Exception) -> App:
    return PlainTextResponse(f"{type(error).__name__} in {REQUEST_ID.get()}", 500)


def application(registry: CollectorRegistry | None = None) -> App:
    routes = [
        Route("/context", show_context),
        Route("/fail", fail),
        Route("/health", show_context),
    ]
    return RequestContext(
        Starlette(routes=routes).router,
        service="agent-runtime",
        registry=registry or CollectorRegistry(),
        clock=SYSTEM_CLOCK,
        answer=failed,
    )


def client(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")


def test_a_header_is_found_by_its_lower_case_name_and_the_first_one_counts() -> None:
    scope: Scope = {"headers": [(b"a", b"1"), (b"b", b"2"), (b"b", b"3")]}

    assert [header(scope, name) for name in (b"a", b"b", b"c")] == [b"1", b"2", None]


@pytest.mark.parametrize("given", ["r-1", "A.b_c-9", "x" * 64])
async def test_a_good_request_id_is_kept(given: str) -> None:
    async with client(application()) as http:
        answer = await http.get("/context", headers={"X-Request-Id": given})

    assert answer.json() == {"service": "agent-runtime", "request_id": given}
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "é"])
async def test_any_other_request_id_is_replaced(given: str) -> None:
    async with client(application()) as http:
        answer = await http.get("/context", headers={b"X-Request-Id": given.encode()})

    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert len(answer.headers["x-request-id"]) == 16


async def test_the_context_ends_with_the_request() -> None:
    async with client(application()) as http:
        await http.get("/context", headers={"X-Request-Id": "r1"})

    assert (SERVICE.get(), REQUEST_ID.get()) == ("codelab", "")


async def test_an_exception_is_answered_inside_its_context() -> None:
    async with client(application()) as http:
        answer = await http.get("/fail", headers={"X-Request-Id": "r1"})

    assert (answer.status_code, answer.text) == (500, "ValueError in r1")
    assert answer.headers["x-request-id"] == "r1"


async def test_an_exception_after_the_answer_has_begun_is_for_the_server() -> None:
    async def half_an_answer(_scope: Scope, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise ValueError("broken")

    app = RequestContext(
        half_an_answer,
        service="gateway",
        registry=CollectorRegistry(),
        clock=SYSTEM_CLOCK,
        answer=failed,
    )

    async with client(app) as http:
        with pytest.raises(ValueError, match="broken"):
            await http.get("/")


async def test_every_request_is_counted_by_route_method_and_status() -> None:
    registry = CollectorRegistry()

    async with client(application(registry)) as http:
        await http.get("/context")
        await http.get("/fail")
        await http.request("BREW", "/unknown/path")

    counted = [
        line
        for line in generate_latest(registry).decode().splitlines()
        if line.startswith("codelab_runtime_http_requests_total{")
    ]
    assert counted == [
        'codelab_runtime_http_requests_total{method="GET",route="/context",status="200"} 1.0',
        'codelab_runtime_http_requests_total{method="GET",route="/fail",status="500"} 1.0',
        'codelab_runtime_http_requests_total{method="other",route="other",status="404"} 1.0',
    ]


async def test_a_request_leaves_one_line_without_query_and_probes_none(
    log_lines: io.StringIO,
) -> None:
    async with client(application()) as http:
        await http.get("/context?token=secret", headers={"X-Request-Id": "r1"})
        await http.get("/health")

    (line,) = [json.loads(text) for text in log_lines.getvalue().splitlines()]
    facts = {name: line[name] for name in ("message", "service", "request_id", "method", "status")}
    assert facts == {
        "message": "request served",
        "service": "agent-runtime",
        "request_id": "r1",
        "method": "GET",
        "status": 200,
    }
    assert "secret" not in log_lines.getvalue()


async def test_web_sockets_and_the_lifespan_pass_through() -> None:
    seen: list[tuple[str, str]] = []

    async def app(scope: Scope, _receive: Any, _send: Any) -> None:
        seen.append((scope["type"], SERVICE.get()))

    context = RequestContext(
        app, service="gateway", registry=CollectorRegistry(), clock=SYSTEM_CLOCK, answer=failed
    )

    await context({"type": "lifespan"}, None, None)  # type: ignore[arg-type] # not used by app
    await context({"type": "websocket", "headers": []}, None, None)  # type: ignore[arg-type] # idem

    assert seen == [("lifespan", "codelab"), ("websocket", "gateway")]


class TestInternalAuth:
    """The key between services."""

    @pytest.fixture
    def app(self) -> App:
        routes = [Route("/agent", show_context), Route("/health", show_context)]
        return InternalAuth(Starlette(routes=routes), keys=InternalKeys(("current", "previous")))

    @pytest.mark.parametrize("key", ["current", "previous"])
    async def test_a_known_key_is_let_in(self, app: App, key: str) -> None:
        async with client(app) as http:
            answer = await http.get("/agent", headers={"X-Internal-Auth": key})

        assert answer.status_code == 200

    @pytest.mark.parametrize("path", ["/agent", "/unknown", "/health/x", "/metrics/"])
    @pytest.mark.parametrize("headers", [{}, {"X-Internal-Auth": "wrong"}])
    async def test_without_a_key_no_path_tells_whether_it_exists(
        self, app: App, path: str, headers: dict[str, str]
    ) -> None:
        async with client(app) as http:
            answer = await http.post(path, headers=headers, content=b"x" * 1000)

        assert (answer.status_code, answer.text) == (401, '{"detail":"unauthorized"}')
        assert answer.headers["content-type"] == "application/json"

    async def test_probes_are_open(self, app: App) -> None:
        async with client(app) as http:
            assert (await http.get("/health")).status_code == 200

    async def test_a_key_that_is_no_ascii_is_wrong_and_no_failure(self, app: App) -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Scope = {
            "type": "http",
            "path": "/agent",
            "headers": [(b"x-internal-auth", b"\xff")],
        }
        await app(scope, None, send)  # type: ignore[arg-type] # a refusal reads nothing

        assert sent[0]["status"] == 401
