from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from codelab_runtime.agent_api import MAX_MESSAGE_BYTES
from harness.runtime_app import runtime_app


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with runtime_app() as (client, _):
        yield client


async def posted(
    http: httpx2.AsyncClient, path: str, principal: str = "ann", **fields: Any
) -> httpx2.Response:
    headers = {"X-Principal": principal}
    return await http.post(f"/agent/{path}", json={"session_id": "s-1", **fields}, headers=headers)


async def test_every_kind_of_command_is_taken_as_a_message_too(http: httpx2.AsyncClient) -> None:
    messages = [
        {"type": "user_message", "content": "hi", "message_id": "u-1"},
        {"type": "cancel"},
        {"type": "tool_result", "call_id": "c9-9-9", "result": 1},
        {"type": "hitl_decision", "call_id": "c9-9-9", "decision": "reject"},
    ]

    answers = [await posted(http, "message", cid=str(n), message=m) for n, m in enumerate(messages)]

    assert [answer.status_code for answer in answers] == [200, 200, 404, 404]
    assert answers[0].json()["message_id"] == "u-1"
    assert [a.json()["error"]["class"] for a in answers[2:]] == ["call_unknown"] * 2


async def test_a_message_that_would_not_fit_a_frame_is_refused(http: httpx2.AsyncClient) -> None:
    answers = [
        await posted(http, "message", message={"type": "user_message", "content": "ä" * chars})
        for chars in (MAX_MESSAGE_BYTES // 2 - 1, MAX_MESSAGE_BYTES // 2)
    ]

    assert [answer.status_code for answer in answers] == [200, 413]
    assert answers[1].json()["error"]["details"] == {"max": MAX_MESSAGE_BYTES}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("decision", {"call_id": "c1-1-0", "decision": "edit"}),
        ("tool_result", {"call_id": "c1-1-0", "part": {"index": 0}}),
        ("message/stream", {"message": {"type": "cancel"}}),
        ("attach", {"connection_id": "x 1", "client_id": "c", "role": "driver", "mode": "v1"}),
    ],
)
async def test_commands_that_say_too_little_are_refused(
    http: httpx2.AsyncClient, path: str, fields: dict[str, Any]
) -> None:
    answer = await posted(http, path, **fields)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_attaching_says_where_the_log_stands(http: httpx2.AsyncClient) -> None:
    driver = {"connection_id": "x1", "client_id": "c", "role": "driver", "mode": "v1"}

    unknown = await posted(http, "attach", **driver, create=False)
    attached = await posted(http, "attach", **driver)
    known = await posted(http, "attach", **driver, create=False)
    foreign = await posted(http, "attach", "bob", **driver)
    left = await posted(http, "detach", connection_id="x1")

    assert [a.status_code for a in (unknown, attached, known, foreign, left)] == [
        *(404, 200, 200, 404, 200)
    ]
    assert attached.json()["epoch"] == left.json()["epoch"]


async def test_a_bad_declaration_is_refused_before_anything_is_kept(
    http: httpx2.AsyncClient,
) -> None:
    tool = {"name": "read_file", "description": "mine", "parameters": {"type": "object"}}
    driver = {"connection_id": "x1", "client_id": "c", "role": "driver", "mode": "v1"}

    answer = await posted(http, "attach", **driver, tools=[tool])
    after = await http.get("/agent/sessions/s-1", headers={"X-Principal": "ann"})

    assert (answer.status_code, answer.json()["error"]["class"]) == (400, "tool_declaration")
    assert after.status_code == 404


async def test_an_ack_has_no_answer(http: httpx2.AsyncClient) -> None:
    await posted(http, "cancel")

    answer = await posted(http, "ack", connection_id="x1", seq=3)

    assert (answer.status_code, answer.content) == (204, b"")


async def test_nothing_to_cancel_is_said(http: httpx2.AsyncClient) -> None:
    answer = await posted(http, "cancel", cid="1")

    assert answer.json() == {"status": "accepted", "noop": True}
