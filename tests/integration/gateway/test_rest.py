"""The gateway's REST, against the real runtime: shapes of docs/protocol.md, key by key."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from harness.services import Services
from harness.sockets import RawSocket, opened

ALICE = {"Authorization": "Bearer a-token-of-alice-long-enough"}
BOB = {"Authorization": "Bearer a-token-of-bob-which-is-long-too"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SESSION = {
    "id": str,
    "session_id": str,
    "title": str,
    "message_count": int,
    "created_at": str,
    "updated_at": str,
    "last_activity": str,
    "current_agent": str,
    "is_active": bool,
    "state": str,
    "epoch": str,
    "head": int,
}


@pytest.fixture
async def rest(platform: Services) -> AsyncIterator[httpx2.AsyncClient]:
    """REST calls of alice."""
    base = f"{platform.gateway_url}/api/v1"
    async with httpx2.AsyncClient(base_url=base, headers=ALICE, trust_env=False) as client:
        yield client


def shape(body: dict[str, Any]) -> dict[str, type]:
    """Which keys there are, of which types."""
    return {name: type(value) for name, value in body.items()}


async def turn(platform: Services, session_id: str, text: str) -> RawSocket:
    """A whole turn of a plain client."""
    url = f"{platform.socket_url}/ws/{session_id}"
    async with opened(url, additional_headers=ALICE) as socket:
        await socket.send({"type": "user_message", "content": text})
        await socket.final()
        return socket


async def test_a_session_is_made_read_renamed_and_removed(
    rest: httpx2.AsyncClient, session_id: str
) -> None:
    made = await rest.post("/sessions", json={"session_id": session_id, "title": "First"})
    again = await rest.post("/sessions", json={"session_id": session_id})
    renamed = await rest.patch(f"/sessions/{session_id}", json={"title": "Second"})
    read = await rest.get(f"/sessions/{session_id}")
    removed = await rest.delete(f"/sessions/{session_id}")
    gone = await rest.get(f"/sessions/{session_id}")

    assert (made.status_code, shape(made.json())) == (201, SESSION)
    assert made.json()["id"] == made.json()["session_id"] == session_id
    assert TIME.fullmatch(made.json()["created_at"])
    assert (again.status_code, again.json()["error"]["code"]) == (409, "SESSION_EXISTS")
    assert (renamed.status_code, read.json()["title"]) == (200, "Second")
    assert (removed.status_code, removed.content) == (204, b"")
    assert gone.status_code in {404, 410}


async def test_a_session_can_be_made_with_no_body_at_all(rest: httpx2.AsyncClient) -> None:
    made = await rest.post("/sessions")

    assert made.status_code == 201
    assert re.fullmatch("[0-9a-f]{32}", made.json()["session_id"])


async def test_sessions_are_listed_newest_first_with_the_number_of_all(
    rest: httpx2.AsyncClient, platform: Services
) -> None:
    for name in ("l1", "l2", "l3"):
        await rest.post("/sessions", json={"session_id": name})
    await turn(platform, "l1", "echo hi")

    page = (await rest.get("/sessions", params={"limit": 2})).json()
    rest_of_them = (await rest.get("/sessions", params={"limit": 1000, "offset": 2})).json()

    assert sorted(page) == ["sessions", "total"]
    assert [session["id"] for session in page["sessions"]] == ["l1", "l3"]
    assert page["total"] == rest_of_them["total"] == 2 + len(rest_of_them["sessions"])


async def test_the_history_holds_what_was_said(
    rest: httpx2.AsyncClient, platform: Services, session_id: str
) -> None:
    await turn(platform, session_id, "echo hello")

    body = (await rest.get(f"/sessions/{session_id}/history")).json()

    assert shape(body) == {
        "session_id": str,
        "messages": list,
        "message_count": int,
        "last_activity": str,
        "current_agent": str,
        "agent_history": list,
    }
    said = [(item["role"], item["content"], item["turn_id"]) for item in body["messages"]]
    assert said == [("user", "echo hello", "t1"), ("assistant", "Echo: hello", "t1")]
    assert all(TIME.fullmatch(item["created_at"]) for item in body["messages"])
    assert body["message_count"] == 2


async def test_usage_is_the_same_at_both_addresses(
    rest: httpx2.AsyncClient, platform: Services, session_id: str
) -> None:
    await turn(platform, session_id, "echo hello")

    usage = (await rest.get(f"/sessions/{session_id}/usage")).json()
    old = (await rest.get(f"/events/metrics/session/{session_id}")).json()

    assert usage == old
    assert shape(usage) == {"requests": list, "total_tokens": int, "total_duration_ms": int}
    assert shape(usage["requests"][0]) == {
        "success": bool,
        "model": str,
        "provider": str,
        "prompt_tokens": int,
        "completion_tokens": int,
        "duration_ms": int,
    }


async def test_an_open_approval_is_listed_until_it_is_decided(
    rest: httpx2.AsyncClient, platform: Services, session_id: str
) -> None:
    url = f"{platform.socket_url}/ws/{session_id}"
    async with opened(url, additional_headers=ALICE) as socket:
        await socket.send({"type": "user_message", "content": 'write "hi" to notes.txt'})
        call = await socket.until("tool_call")
        open_now = (await rest.get(f"/sessions/{session_id}/pending-approvals")).json()
        result = {"success": True, "bytes_written": 2, "created": True, "changed": True}
        await socket.send({"type": "tool_result", "call_id": call["call_id"], "result": result})
        await socket.final()
    later = (await rest.get(f"/sessions/{session_id}/pending-approvals")).json()

    (approval,) = open_now["pending_approvals"]
    assert call["requires_approval"] is True
    assert (open_now["session_id"], open_now["count"]) == (session_id, 1)
    assert {name: approval[name] for name in ("call_id", "tool_name", "arguments")} == {
        name: call[name] for name in ("call_id", "tool_name", "arguments")
    }
    assert TIME.fullmatch(approval["created_at"])
    assert later == {"session_id": session_id, "pending_approvals": [], "count": 0}


async def test_models_are_listed_with_the_default(rest: httpx2.AsyncClient) -> None:
    body = (await rest.get("/models")).json()

    assert shape(body) == {"models": list, "default": str}
    assert {"default", "gpt-4", "gpt-4o"} <= {model["id"] for model in body["models"]}
    assert all(
        shape(model)
        == {
            "id": str,
            "name": str,
            "provider": str,
            "family": str,
            "context_length": int,
            "max_tokens": int,
            "supports_tools": bool,
            "is_available": bool,
        }
        for model in body["models"]
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sessions/{id}"),
        ("PATCH", "/sessions/{id}"),
        ("DELETE", "/sessions/{id}"),
        ("GET", "/sessions/{id}/history"),
        ("GET", "/sessions/{id}/pending-approvals"),
        ("GET", "/sessions/{id}/usage"),
        ("GET", "/events/metrics/session/{id}"),
    ],
)
async def test_a_foreign_session_is_answered_like_an_unknown_one(
    rest: httpx2.AsyncClient, session_id: str, method: str, path: str
) -> None:
    """G-10: also with a body, and down to the bytes but for the request's id."""
    await rest.post("/sessions", json={"session_id": session_id})
    options: dict[str, Any] = {"json": {"title": "x"}} if method == "PATCH" else {}
    headers = BOB | {"X-Request-Id": "the-same"}

    foreign = await rest.request(method, path.format(id=session_id), headers=headers, **options)
    unknown = await rest.request(method, path.format(id="nobodys"), headers=headers, **options)
    mine = await rest.get(f"/sessions/{session_id}")

    assert (foreign.status_code, foreign.content) == (404, unknown.content)
    assert foreign.json()["error"]["code"] == "SESSION_NOT_FOUND"
    assert mine.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/sessions?limit=0", None),
        ("GET", "/sessions?limit=1001", None),
        ("GET", "/sessions?limit=x", None),
        ("GET", "/sessions?offset=-1", None),
        ("POST", "/sessions", {"title": 7}),
        ("POST", "/sessions", {"session_id": "a b"}),
        ("PATCH", "/sessions/x", {"title": "x" * 201}),
        ("PATCH", "/sessions/x", {"description": "x" * 2001}),
    ],
)
async def test_a_fault_is_named_without_its_value(
    rest: httpx2.AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    answer = await rest.request(method, path, json=body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "INVALID_REQUEST")
    assert answer.headers["content-type"] == "application/problem+json"
    assert all(sorted(fault) == ["loc", "msg"] for fault in error["details"]["errors"])
    assert "xxxx" not in answer.text


async def test_a_removed_session_closes_its_sockets(
    rest: httpx2.AsyncClient, platform: Services, session_id: str
) -> None:
    url = f"{platform.socket_url}/ws/{session_id}"
    async with opened(url, additional_headers=ALICE) as socket:
        await socket.hello()
        await rest.delete(f"/sessions/{session_id}")

        assert (await socket.closed())[0] == 4404
