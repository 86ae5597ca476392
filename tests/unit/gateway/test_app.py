from collections.abc import AsyncIterator

import anyio
import pytest

from codelab_core.server import bind
from codelab_core.settings import GatewaySettings, SettingsError
from codelab_gateway.app import gateway as opened_gateway
from fakes.fake_runtime import FakeRuntime
from harness.front import Front, front
from harness.sockets import refusal

ORIGIN = "https://ide.example"


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
async def test_health_names_the_service_and_the_runtime(gateway: Front, path: str) -> None:
    """G-01."""
    answer = await gateway.ask("GET", path)

    body = answer.json()
    assert answer.status_code == 200
    assert sorted(body) == ["checks", "service", "status", "timestamp", "uptime_s", "version"]
    assert (body["status"], body["service"], body["version"]) == ("healthy", "gateway", "0.1.0")
    assert body["checks"] == {"agent-runtime": "ok"}


async def test_without_a_runtime_the_gateway_is_unhealthy_but_ready() -> None:
    async with front("http://127.0.0.1:9") as running:
        health = await running.ask("GET", "/health")
        ready = await running.ask("GET", "/health/ready")

    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})


async def test_an_unknown_socket_path_is_refused_by_http(gateway: Front) -> None:
    status, error, _ = await refusal(f"{gateway.socket_url}/nonsense")

    assert (status, error["code"], error["class"]) == (404, "NOT_FOUND", "route")


async def test_a_head_that_is_too_large_is_refused_before_it_ends(gateway: Front) -> None:
    async with await anyio.connect_tcp("127.0.0.1", gateway.running.port) as stream:
        await stream.send(b"GET /health HTTP/1.1\r\nHost: a\r\nX-Large: " + b"x" * 33_000)
        with anyio.fail_after(20):
            answer = await stream.receive()

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.fixture
async def with_origins(runtime: FakeRuntime) -> AsyncIterator[Front]:
    async with front(runtime.url, allowed_origins=ORIGIN) as running:
        yield running


async def test_pages_of_an_allowed_origin_may_read_answers(with_origins: Front) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "PATCH"}

    preflight = await with_origins.ask("OPTIONS", "/api/v1/sessions/s", headers=asked)
    answer = await with_origins.ask("GET", "/api/v1/models", headers={"origin": ORIGIN})

    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-origin"] == ORIGIN


async def test_other_pages_may_not(with_origins: Front) -> None:
    answer = await with_origins.ask(
        "GET", "/api/v1/models", headers={"origin": "https://evil.example"}
    )

    assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (403, None)


async def test_settings_that_cannot_be_used_stop_the_start() -> None:
    with pytest.raises(SettingsError, match="CODELAB_TOKENS_FILE"):
        async with opened_gateway(GatewaySettings.exactly(auth_mode="token")):
            pytest.fail("it started")


async def test_a_listener_that_is_bound_already_is_used(runtime: FakeRuntime) -> None:
    listener = bind("127.0.0.1", 0)
    fields = {"runtime_url": runtime.url, "auth_mode": "dev", "embedded": True}
    with anyio.fail_after(20), listener:
        async with opened_gateway(GatewaySettings.exactly(**fields), listener=listener) as running:
            assert running.port == listener.getsockname()[1]
