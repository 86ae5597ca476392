"""Sessions by REST: open, list, read, rename, delete; another's session looks like none."""

from typing import Any

import pytest

from harness.agent import Agent
from harness.runtimes import Cluster


async def test_a_session_is_opened_read_renamed_and_deleted(pair: Cluster) -> None:
    agent = Agent(pair, "s-1")
    path = "/agent/sessions/s-1"

    made = await agent.call("POST", "/agent/sessions", {"session_id": "s-1", "title": "One"})
    again = await agent.call("POST", "/agent/sessions", {"session_id": "s-1"}, node=1)
    read = await agent.call("GET", path, node=1)
    renamed = await agent.call("PATCH", path, {"title": "Two", "model": "echo"}, node=1)
    deleted = await agent.call("DELETE", path)
    gone = await agent.call("GET", path, node=1)
    reopened = await agent.call("POST", "/agent/sessions", {"session_id": "s-1"})

    assert (made[0], made[1]["id"], made[1]["title"]) == (201, "s-1", "One")
    assert (again[0], again[1]["error"]["code"]) == (409, "SESSION_EXISTS")
    assert read == (200, made[1])
    assert (renamed[1]["title"], renamed[1]["model"]) == ("Two", "echo")
    assert deleted == (204, None)
    assert (gone[0], gone[1]["error"]["code"]) == (404, "SESSION_NOT_FOUND")
    assert (reopened[0], reopened[1]["title"]) == (201, "")


async def test_a_session_needs_no_body(pair: Cluster) -> None:
    agent = Agent(pair)

    status, body = await agent.call("POST", "/agent/sessions", b"")

    assert (status, len(body["id"]), body["message_count"]) == (201, 32, 0)


async def test_sessions_are_listed_by_their_last_message(pair: Cluster) -> None:
    agents = [Agent(pair, f"s-{n}") for n in range(3)]
    for agent in (*agents, agents[0]):
        await agent.turn("echo hi")

    _, listed = await agents[0].call("GET", "/agent/sessions?limit=2", node=1)
    _, rest = await agents[0].call("GET", "/agent/sessions?limit=2&offset=2", node=1)
    agents[0].headers = {"X-Principal": "bob"}
    _, of_bob = await agents[0].call("GET", "/agent/sessions")

    assert [s["id"] for s in listed["sessions"]] == ["s-0", "s-2"]
    assert [s["id"] for s in rest["sessions"]] == ["s-1"]
    assert listed["total"] == 3
    assert of_bob == {"sessions": [], "total": 0}


async def test_only_active_sessions_are_listed_on_demand(pair: Cluster) -> None:
    idle, busy = Agent(pair, "s-1"), Agent(pair, "s-2")
    await busy.attach()
    await idle.turn("echo hi")
    await busy.say('call read_file with {"path": "a"}')
    await busy.until("tool_call")

    _, listed = await idle.call("GET", "/agent/sessions?active_only=true")

    assert [s["id"] for s in listed["sessions"]] == ["s-2"]


@pytest.mark.parametrize(
    ("method", "view", "body"),
    [
        ("GET", "", None),
        ("GET", "/history", None),
        ("GET", "/usage", None),
        ("GET", "/pending-approvals", None),
        ("GET", "/snapshot", None),
        ("GET", "/access", None),
        ("GET", "/events", None),
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
    ],
)
async def test_anothers_session_looks_like_none(
    agent: Agent, method: str, view: str, body: Any
) -> None:
    agent.headers = {"X-Principal": "bob"}

    status, answer = await agent.call(method, f"/agent/sessions/{agent.session_id}{view}", body)

    assert (status, answer["error"]["code"]) == (404, "SESSION_NOT_FOUND")


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("message", {"message": {"type": "user_message", "content": "x"}}),
        ("tool_result", {"call_id": "c1-1-0", "result": 1}),
        ("decision", {"call_id": "c1-1-0", "decision": "approve"}),
        ("cancel", {}),
        ("ack", {"connection_id": "x1", "seq": 1}),
        ("detach", {"connection_id": "x1"}),
        ("attach", {"connection_id": "x1", "client_id": "c", "role": "driver", "mode": "v1"}),
    ],
)
async def test_commands_to_anothers_session_are_refused(
    agent: Agent, command: str, fields: dict[str, Any]
) -> None:
    agent.headers = {"X-Principal": "bob"}

    status, answer = await agent.post(command, **fields)

    assert (status, answer["error"]["code"]) == (404, "SESSION_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/agent/sessions", {"session_id": "a b"}),
        ("POST", "/agent/sessions", {"session_id": "x" * 129}),
        ("POST", "/agent/sessions", {"title": "x" * 201}),
        ("GET", "/agent/sessions?limit=0", None),
        ("GET", "/agent/sessions?limit=1001", None),
        ("GET", "/agent/sessions?offset=-1", None),
        ("GET", "/agent/sessions/a%20b", None),
        ("GET", "/agent/sessions/{id}/history?limit=0", None),
        ("PATCH", "/agent/sessions/{id}", {"description": "x" * 2001}),
        ("PATCH", "/agent/sessions/{id}", []),
    ],
)
async def test_bad_requests_are_refused_by_name(
    agent: Agent, method: str, path: str, body: Any
) -> None:
    status, answer = await agent.call(method, path.format(id=agent.session_id), body)

    assert (status, answer["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_history_is_read_in_pages(agent: Agent) -> None:
    for n in range(3):
        await agent.turn(f"echo {n}")

    _, newest = await agent.get("/history?limit=2")
    first = newest["messages"][0]["message_id"]
    _, older = await agent.get(f"/history?limit=2&before={first}")

    assert [m["content"] for m in newest["messages"]] == ["echo 2", "Echo: 2"]
    assert [m["content"] for m in older["messages"]] == ["echo 1", "Echo: 1"]


async def test_models_are_the_proxys(agent: Agent) -> None:
    status, body = await agent.call("GET", "/agent/models")

    assert status == 200
    assert "scripted/agent" in [model["id"] for model in body["models"]]
    assert body["default"] == "default"


async def test_the_driver_is_the_newest_that_is_no_observer(agent: Agent) -> None:
    await agent.attach(connection_id="x2", role="observer")
    await agent.attach(connection_id="x3")
    await agent.sure("detach", connection_id="x3")
    await agent.sure("detach", connection_id="x9")
    await agent.sure("detach", connection_id="x1")

    events = await agent.until(lambda e: e["type"] == "client_detached" and "driver" not in e)

    assert [(e["type"], e["connection_id"], e.get("driver")) for e in events] == [
        ("client_attached", "x1", "x1"),
        ("client_attached", "x2", "x1"),
        ("client_attached", "x3", "x3"),
        ("client_detached", "x3", "x1"),
        ("client_detached", "x1", None),
    ]


async def test_attaching_twice_is_once(agent: Agent) -> None:
    first = await agent.attach(connection_id="x2")
    second = await agent.attach(connection_id="x2")

    events = await agent.turn("echo hi")
    attached = [e["connection_id"] for e in events if e["type"] == "client_attached"]
    assert attached == ["x1", "x2"]
    assert first["epoch"] == second["epoch"]


async def test_unknown_paths_and_methods_are_named(agent: Agent) -> None:
    for method, path in (("GET", "/agent/nothing"), ("PUT", "/agent/message")):
        status, body = await agent.call(method, path)
        assert (status in {404, 405}, body["error"]["code"]) == (True, "NOT_FOUND")
