"""Every route of the runtime: the key comes first, and a bad body is refused by name."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codelab_core.server import Running
from harness.runtime_app import runtime_app

KEY, OLD_KEY = "the-key-between-services", "the-key-before-that-one"
PROBES = {"/health"}
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")

Keyed = tuple[httpx2.AsyncClient, Running]


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Keyed]:
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\n{OLD_KEY}\n")
    async with runtime_app(internal_token_file=keys) as made:
        yield made


def routes(running: Running) -> list[str]:
    """Paths that need a key, with a session's name in them, and one that is none."""
    found = set(running.app.openapi()["paths"]) - PROBES
    return [*sorted(path.format(session_id="s-1") for path in found), "/agent/nothing"]


async def test_without_a_key_every_route_is_closed_and_nothing_is_told(
    keyed: Keyed, caplog: pytest.LogCaptureFixture
) -> None:
    """W-07: before the path, the method and the body are looked at."""
    http, running = keyed
    caplog.set_level("DEBUG")
    wrong: list[dict[str, str]] = [{}, {"X-Internal-Auth": "wrong"}, {"X-Internal-Auth": KEY[:-1]}]

    answers = [
        await http.request(method, path, headers=headers, content=b"{")
        for path in routes(running)
        for method in METHODS
        for headers in wrong
    ]

    assert len(answers) > 250
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.text for answer in answers} == {'{"detail":"unauthorized"}'}
    assert KEY[:-1] not in caplog.text


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
async def test_the_key_and_the_one_before_open_every_route(keyed: Keyed, key: str) -> None:
    """W-07: a body that is none is looked at now."""
    http, running = keyed

    found = {
        (path, method): (
            await http.request(method, path, headers={"X-Internal-Auth": key}, content=b"{")
        ).status_code
        for path in routes(running)
        if "events" not in path
        for method in METHODS
    }

    assert set(found.values()) <= {200, 201, 204, 400, 404, 405, 502, 503}
    assert found["/agent/message", "POST"] == 400
    assert found["/agent/message", "GET"] == 405
    assert found["/agent/nothing", "GET"] == 404


# Bodies.

MESSAGE = {"type": "user_message", "content": "echo hi"}
GOOD: dict[str, dict[str, Any]] = {
    "message": {"session_id": "s-1", "message": MESSAGE, "cid": "k-1"},
    "message/stream": {"session_id": "s-1", "message": MESSAGE, "cid": "k-1"},
    "tool_result": {"session_id": "s-1", "call_id": "c1-1-0", "result": {"success": True}},
    "decision": {"session_id": "s-1", "call_id": "c1-1-0", "decision": "approve"},
    "cancel": {"session_id": "s-1", "turn_id": "t1"},
    "attach": {
        "session_id": "s-1",
        "connection_id": "x1",
        "client_id": "c1",
        "role": "driver",
        "mode": "v1",
        "tools": ["read_file"],
    },
    "detach": {"session_id": "s-1", "connection_id": "x1"},
    "ack": {"session_id": "s-1", "connection_id": "x1", "seq": 1},
}
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any, str]:
    """A path, a body with one field gone or replaced by anything, and the name of that field."""
    path = draw(st.sampled_from(sorted(GOOD.keys() - {"message/stream"})))  # as message, but slow
    body = json.loads(json.dumps(GOOD[path]))
    inside = path.startswith("message") and draw(st.booleans())
    place = body["message"] if inside else body
    name = draw(st.sampled_from(sorted(place)))
    if draw(st.booleans()):
        del place[name]
    else:
        place[name] = draw(ANY_JSON)
    return path, body, name


@pytest.fixture(scope="module")
async def plain() -> AsyncIterator[httpx2.AsyncClient]:
    async with runtime_app() as (http, _):
        yield http


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spoilt())
async def test_a_body_with_any_fault_is_served_or_refused_by_the_name_of_the_field(
    plain: httpx2.AsyncClient, found: tuple[str, Any, str]
) -> None:
    """R-03."""
    path, body, name = found

    async with plain.stream("POST", f"/agent/{path}", json=body) as answer:
        text = await answer.aread() if answer.status_code >= 400 else b""

    assert answer.status_code < 500
    if answer.status_code == 400:
        error = json.loads(text)["error"]
        assert error["code"] == "INVALID_REQUEST"
        assert name in json.dumps(error["details"]["errors"]), (error, body)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=st.sampled_from(sorted(GOOD)), body=ANY_JSON)
async def test_a_body_that_is_something_else_altogether_is_refused(
    plain: httpx2.AsyncClient, path: str, body: Any
) -> None:
    """R-03."""
    answer = await plain.post(f"/agent/{path}", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"
