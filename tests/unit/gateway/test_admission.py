import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codelab_core.identity import token_digest
from fakes.fake_runtime import FakeRuntime, Reply
from harness.front import Front, front
from harness.sockets import opened, refusal

TOKEN = "a-client-token-of-good-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def in_subprotocol(token: str) -> str:
    return "codelab.bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"{token_digest(TOKEN)} alice\n{token_digest(TOKEN + '2')} bob\n")
    return file


@pytest.fixture
async def guarded(runtime: FakeRuntime, tokens: Path) -> AsyncIterator[Front]:
    """A gateway that asks for tokens, of at most two sockets, one per principal."""
    wanted: dict[str, Any] = {
        "auth_mode": "token",
        "embedded": False,
        "tokens_file": tokens,
        "allowed_origins": "https://ide.example",
        "max_connections": 2,
        "max_connections_per_principal": 1,
    }
    async with front(runtime.url, **wanted) as running:
        yield running


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, (401, "UNAUTHORIZED", "missing"), id="no-token"),
        pytest.param(
            {"additional_headers": {"Authorization": "Bearer x"}},
            (401, "UNAUTHORIZED", "invalid"),
            id="wrong-token",
        ),
        pytest.param(
            {"additional_headers": {"X-Internal-Auth": TOKEN}},
            (401, "UNAUTHORIZED", "missing"),
            id="key-between-services",
        ),
        pytest.param(
            {"origin": "https://evil.example", "additional_headers": BEARER},
            (403, "FORBIDDEN", "origin"),
            id="origin",
        ),
    ],
)
async def test_who_may_not_connect_is_refused_before_the_upgrade(
    runtime: FakeRuntime, guarded: Front, options: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    status, error, headers = await refusal(f"{guarded.socket_url}/ws/s", **options)

    assert (status, error["code"], error["class"]) == expected
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == error["request_id"]
    assert headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert runtime.asked == []


async def test_a_refusal_leaves_no_error_in_the_log(
    guarded: Front, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        await refusal(f"{guarded.socket_url}/ws/s")
    async with opened(f"{guarded.socket_url}/ws/s", additional_headers=BEARER):
        pass

    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    ("session_id", "expected"),
    [
        ("a%20b", (400, "INVALID_REQUEST", "session_id")),
        ("x" * 129, (400, "INVALID_REQUEST", "session_id")),
        ("%D1%8F", (400, "INVALID_REQUEST", "session_id")),
        ("a/b", (404, "NOT_FOUND", "route")),
        ("", (404, "NOT_FOUND", "route")),
    ],
)
async def test_a_bad_address_is_refused(
    gateway: Front, session_id: str, expected: tuple[int, str, str]
) -> None:
    status, error, _ = await refusal(f"{gateway.socket_url}/ws/{session_id}")

    assert (status, error["code"], error["class"]) == expected


async def test_another_host_name_is_refused_in_development(gateway: Front) -> None:
    port = gateway.running.port
    url = f"ws://evil.example:{port}/ws/s"

    status, error, _ = await refusal(url, host="127.0.0.1", port=port)

    assert (status, error["code"], error["class"]) == (403, "FORBIDDEN", "host")


@pytest.mark.parametrize("token", ["", "wrong-token-of-good-length"])
async def test_a_browser_sees_why_it_was_refused(guarded: Front, token: str) -> None:
    """Scripts cannot read the status of a failed upgrade, but a close code."""
    offered = ["codelab.v1", *([in_subprotocol(token)] if token else [])]
    async with opened(f"{guarded.socket_url}/ws/s", subprotocols=offered) as socket:
        assert socket.socket.subprotocol == "codelab.v1"
        assert await socket.closed() == (4401, "UNAUTHORIZED")


async def test_a_browser_shows_its_token_as_a_subprotocol(
    runtime: FakeRuntime, guarded: Front
) -> None:
    offered = ["codelab.v1", in_subprotocol(TOKEN)]
    url = f"{guarded.socket_url}/ws/s"
    async with opened(url, subprotocols=offered, origin="https://ide.example") as socket:
        welcome = await socket.hello()

    assert (socket.socket.subprotocol, welcome["session_id"]) == ("codelab.v1", "s")
    assert runtime.asked[0].headers["x-principal"] == "alice"


async def test_a_foreign_session_looks_like_an_unknown_one(
    runtime: FakeRuntime, gateway: Front
) -> None:
    runtime.replies["/access"] = [Reply.refusal(404, "SESSION_NOT_FOUND")]

    status, error, _ = await refusal(f"{gateway.socket_url}/ws/s")

    assert (status, error["code"]) == (404, "SESSION_NOT_FOUND")


async def test_a_runtime_that_is_away_keeps_nobody_out(
    runtime: FakeRuntime, gateway: Front
) -> None:
    runtime.replies["/access"] = [Reply(503, {})]

    async with opened(f"{gateway.socket_url}/ws/s") as socket:
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}


async def test_each_principal_has_its_share_of_sockets_and_gets_it_back(guarded: Front) -> None:
    url = f"{guarded.socket_url}/ws/s"
    async with opened(url, additional_headers=BEARER):
        status, error, headers = await refusal(url, additional_headers=BEARER)
        async with opened(url, additional_headers={"Authorization": f"Bearer {TOKEN}2"}):
            full = await refusal(url, additional_headers=BEARER)
    async with opened(url, additional_headers=BEARER) as socket:
        await socket.send({"type": "ping"})
        pong = await socket.receive()

    assert (status, error["code"], error["class"]) == (429, "RATE_LIMIT", "connects")
    assert headers["retry-after"] == "1"
    assert (full[0], full[1]["code"], full[1]["class"]) == (503, "UNAVAILABLE", "overloaded")
    assert pong == {"type": "pong"}


async def test_who_connects_too_fast_is_refused(runtime: FakeRuntime) -> None:
    async with front(runtime.url, connect_rate=0.1) as running:
        url = f"{running.socket_url}/ws/s"
        async with opened(url):
            status, error, headers = await refusal(url)

    assert (status, error["class"], headers["retry-after"]) == (429, "connects", "10")


async def test_a_token_in_the_address_counts_only_where_allowed(
    runtime: FakeRuntime, guarded: Front, tokens: Path
) -> None:
    status, _, _ = await refusal(f"{guarded.socket_url}/ws/s?token={TOKEN}")
    fields: dict[str, Any] = {"auth_mode": "token", "embedded": False, "tokens_file": tokens}
    async with (
        front(runtime.url, allow_query_token=True, **fields) as open_front,
        opened(f"{open_front.socket_url}/ws/s?token={TOKEN}") as socket,
    ):
        welcome = await socket.hello()

    assert (status, welcome["session_id"]) == (401, "s")


async def test_ten_bad_tokens_shut_an_address_out(guarded: Front) -> None:
    url = f"{guarded.socket_url}/ws/s"
    wrong = {"additional_headers": {"Authorization": "Bearer x"}}
    statuses = [(await refusal(url, **wrong))[0] for _ in range(10)]

    status, error, headers = await refusal(url, additional_headers=BEARER)
    rest = await guarded.ask("GET", "/api/v1/models", headers=BEARER)
    probe = await guarded.ask("GET", "/health/live")

    assert statuses == [401] * 10
    assert (status, error["class"], headers["retry-after"]) == (429, "auth", "60")
    assert (rest.status_code, probe.status_code) == (429, 200)
