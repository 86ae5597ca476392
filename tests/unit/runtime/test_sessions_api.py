from collections.abc import AsyncIterator

import httpx2
import pytest

from harness.runtime_app import runtime_app


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with runtime_app() as (client, _):
        yield client


async def test_a_session_has_a_life(http: httpx2.AsyncClient) -> None:
    made = await http.post("/agent/sessions", json={"session_id": "s-1", "title": "T"})
    renamed = await http.patch("/agent/sessions/s-1", json={"title": "U", "description": "D"})
    listed = await http.get("/agent/sessions")
    deleted = await http.delete("/agent/sessions/s-1")
    again = await http.delete("/agent/sessions/s-1")

    assert (made.status_code, made.json()["title"]) == (201, "T")
    assert (renamed.json()["title"], renamed.json()["description"]) == ("U", "D")
    assert listed.json() == {"sessions": [renamed.json()], "total": 1}
    assert (deleted.status_code, again.status_code) == (204, 404)


async def test_an_id_may_be_used_where_it_is_free_or_ones_own(http: httpx2.AsyncClient) -> None:
    await http.post("/agent/sessions", json={"session_id": "s-1"})

    codes = [
        (await http.get(f"/agent/sessions/{sid}/access", headers={"X-Principal": who})).status_code
        for sid, who in (("s-1", "internal"), ("s-1", "bob"), ("s-2", "bob"))
    ]

    assert codes == [204, 404, 204]


async def test_the_views_of_an_empty_session_are_empty(http: httpx2.AsyncClient) -> None:
    await http.post("/agent/sessions", json={"session_id": "s-1"})
    views = {
        name: (await http.get(f"/agent/sessions/s-1/{name}")).json()
        for name in ("history", "pending-approvals", "usage", "snapshot")
    }

    assert views["history"]["messages"] == []
    assert views["pending-approvals"]["count"] == 0
    assert views["usage"]["requests"] == []
    assert (views["snapshot"]["seq"], views["snapshot"]["snapshot"]["messages"]) == (0, [])


async def test_without_a_proxy_there_are_no_models(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/agent/models")

    assert (answer.status_code, answer.json()["error"]["class"]) == (503, "proxy")


async def test_a_draining_process_ends_no_session() -> None:
    async with runtime_app() as (http, running):
        await http.post("/agent/sessions", json={"session_id": "s-1"})
        await running.drain()

        answer = await http.delete("/agent/sessions/s-1")
        after = await http.get("/agent/sessions/s-1")

    assert (answer.status_code, answer.json()["error"]["class"]) == (503, "draining")
    assert after.status_code == 200
