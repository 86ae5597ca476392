from typing import Any

import pytest

from fakes.fake_runtime import FakeRuntime, Reply
from harness.front import Front

SESSION = {"id": "6f1c", "session_id": "6f1c", "message_count": 0}


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("GET", "/sessions", "/agent/sessions"),
        ("GET", "/sessions/s", "/agent/sessions/s"),
        ("PATCH", "/sessions/s", "/agent/sessions/s"),
        ("DELETE", "/sessions/s", "/agent/sessions/s"),
        ("GET", "/sessions/s/history", "/agent/sessions/s/history"),
        ("GET", "/sessions/s/pending-approvals", "/agent/sessions/s/pending-approvals"),
        ("GET", "/sessions/s/usage", "/agent/sessions/s/usage"),
        ("GET", "/events/metrics/session/s", "/agent/sessions/s/usage"),
        ("GET", "/models", "/agent/models"),
    ],
)
async def test_a_call_is_passed_on_with_its_caller(
    runtime: FakeRuntime, gateway: Front, method: str, path: str, target: str
) -> None:
    runtime.replies[target.rpartition("/")[2]] = [Reply(200, SESSION)]

    answer = await gateway.ask(method, f"/api/v1{path}")

    asked = runtime.asked[0]
    assert (answer.status_code, answer.json()) == (200, SESSION)
    assert answer.headers["content-type"] == "application/json"
    assert (asked.method, asked.path, asked.headers["x-principal"]) == (method, target, "dev")
    assert asked.headers["x-request-id"] == answer.headers["x-request-id"]


async def test_the_query_is_passed_on_without_our_token(
    runtime: FakeRuntime, gateway: Front
) -> None:
    await gateway.ask("GET", "/api/v1/sessions?limit=5&token=secret&offset=%202&x=<y>")

    assert runtime.asked[0].query == "limit=5&offset=%202&x=%3Cy%3E"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        pytest.param(b"", None, id="empty"),
        pytest.param(b"{}", None, id="object"),
        pytest.param(b'{"session_id":"6f1c","title":"T"}', "6f1c", id="named"),
    ],
)
async def test_a_new_session_has_a_name_before_it_is_asked_for(
    runtime: FakeRuntime, gateway: Front, content: bytes, named: str | None
) -> None:
    """A repetition after a lost answer must not make a second one."""
    runtime.replies["/agent/sessions"] = [Reply(500, {}), Reply(201, SESSION)]

    answer = await gateway.ask("POST", "/api/v1/sessions", content=content)

    first, second = (asked.body for asked in runtime.asked)
    assert answer.status_code == 201
    assert first == second
    assert first["session_id"] == named if named else len(first["session_id"]) == 32


async def test_an_answer_without_body_stays_without(runtime: FakeRuntime, gateway: Front) -> None:
    runtime.replies["/s"] = [Reply(204, None)]

    answer = await gateway.ask("DELETE", "/api/v1/sessions/s")

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (Reply.refusal(404, "SESSION_NOT_FOUND"), 404, "SESSION_NOT_FOUND"),
        (Reply.refusal(409, "SESSION_EXISTS"), 409, "SESSION_EXISTS"),
        (Reply.refusal(423, "SESSION_QUARANTINED"), 423, "SESSION_QUARANTINED"),
        (Reply(502, {}), 503, "UNAVAILABLE"),
    ],
)
async def test_a_refusal_is_ours(
    runtime: FakeRuntime, gateway: Front, reply: Reply, status: int, code: str
) -> None:
    runtime.replies["/s"] = [reply]

    answer = await gateway.ask("GET", "/api/v1/sessions/s")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert error["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("call", "options", "expected"),
    [
        pytest.param(
            "GET /sessions/a%20b", {}, (400, "INVALID_REQUEST", "session_id"), id="session-id"
        ),
        pytest.param(
            f"GET /sessions/{'x' * 129}", {}, (400, "INVALID_REQUEST", "session_id"), id="long-id"
        ),
        pytest.param("GET /sessions/s/nonsense", {}, (404, "NOT_FOUND", "route"), id="view"),
        pytest.param("GET /nonsense", {}, (404, "NOT_FOUND", "route"), id="route"),
        pytest.param(
            "PATCH /sessions/s", {"content": b"{"}, (400, "INVALID_REQUEST", "body"), id="no-json"
        ),
        pytest.param(
            "POST /sessions", {"content": b"[]"}, (400, "INVALID_REQUEST", "body"), id="list"
        ),
        pytest.param(
            "POST /sessions", {"content": b" " * 65_537}, (413, "TOO_LARGE", "body"), id="large"
        ),
        pytest.param(
            "GET /models",
            {"headers": {"origin": "https://evil.example"}},
            (403, "FORBIDDEN", "origin"),
            id="origin",
        ),
        pytest.param(
            "GET /models",
            {"headers": {"host": "evil.example"}},
            (403, "FORBIDDEN", "host"),
            id="host",
        ),
    ],
)
async def test_what_cannot_be_asked_never_reaches_the_runtime(
    runtime: FakeRuntime,
    gateway: Front,
    call: str,
    options: dict[str, Any],
    expected: tuple[int, str, str],
) -> None:
    method, path = call.split()

    answer = await gateway.ask(method, f"/api/v1{path}", **options)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["class"]) == expected
    assert runtime.asked == []
