"""Pieces of large results: in any order, bounded, and gone when nobody needs them (X-11, T-10)."""

import asyncio
from typing import Any

import anyio
import orjson
import pytest

from codelab_runtime.connection import client
from harness.agent import Agent
from harness.robot import READ

READ_CALL = 'call read_file with {"path": "a.txt"}'
CHUNK = "x" * 393_216
TEXT = orjson.dumps({**READ, "content": "ä\n" * 3_000}).decode()
PIECES = [TEXT[start : start + 4_000] for start in range(0, len(TEXT), 4_000)]


async def asked(agent: Agent) -> str:
    """The id of a call that waits for its result."""
    await agent.say(READ_CALL)
    return str((await agent.until("tool_call"))[-1]["call_id"])


async def send(agent: Agent, call_id: str, index: int, chunk: str, **fields: Any) -> Any:
    """One piece; status, and class of a refusal."""
    part = {"index": index, "last": fields.pop("last", False)}
    status, body = await agent.post(
        "tool_result", call_id=call_id, part=part, chunk=chunk, **fields
    )
    return status, body["error"].get("class") if "error" in body else None


async def kept(agent: Agent) -> list[str]:
    """Pieces in the store."""
    redis = client(agent.cluster.settings.redis_url)
    names: list[Any] = await redis.hkeys(agent.cluster.keys.session(agent.session_id, "blob"))
    await redis.aclose()
    return sorted(name.decode() for name in names)


async def test_pieces_may_come_in_any_order_and_leave_nothing(agent: Agent) -> None:
    call_id = await asked(agent)
    first, *rest = enumerate(PIECES[:-1])

    for index, chunk in reversed(rest):
        await send(agent, call_id, index, chunk)
    early = await send(agent, call_id, len(PIECES) - 1, PIECES[-1], last=True, cid="last")
    await send(agent, call_id, *first)
    done = await send(agent, call_id, len(PIECES) - 1, PIECES[-1], last=True, cid="last")

    assert (early, done) == ((400, "body"), (200, None))
    await agent.until("turn_completed")
    _, history = await agent.get("/history")
    (told,) = [m["content"] for m in history["messages"] if m["role"] == "tool"]
    assert orjson.loads(told)["content"] == "ä\n" * 3_000
    assert await kept(agent) == []


async def test_a_whole_result_sent_again_leaves_nothing(agent: Agent) -> None:
    call_id = await asked(agent)

    for _ in range(2):
        for index, chunk in enumerate(PIECES):
            last = index == len(PIECES) - 1
            answer = await send(agent, call_id, index, chunk, last=last, cid=f"p{index}")

    assert answer == (200, None)
    assert await kept(agent) == []


async def test_another_result_for_an_answered_call_leaves_nothing(agent: Agent) -> None:
    call_id = await asked(agent)
    await agent.post("tool_result", call_id=call_id, result=READ)
    await agent.until("turn_completed")

    await send(agent, call_id, 0, '{"success"')
    refused = await send(agent, call_id, 1, ":true}", last=True)

    assert refused == (409, "result")
    assert await kept(agent) == []


async def test_a_result_above_eight_mebibytes_is_refused_and_forgotten(agent: Agent) -> None:
    call_id = await asked(agent)

    answers = [await send(agent, call_id, index, CHUNK) for index in range(22)]

    assert answers == [(200, None)] * 21 + [(413, "result")]
    assert await kept(agent) == []


async def test_a_piece_may_come_twice_without_counting_twice(agent: Agent) -> None:
    call_id = await asked(agent)
    for index in range(21):
        await send(agent, call_id, index, CHUNK)

    again = await send(agent, call_id, 20, CHUNK)

    assert again == (200, None)
    assert len(await kept(agent)) == 21


@pytest.mark.parametrize("ends", ["result", "cancel"])
async def test_pieces_of_a_turn_that_is_over_are_forgotten(agent: Agent, ends: str) -> None:
    call_id = await asked(agent)
    await send(agent, call_id, 0, CHUNK)

    if ends == "result":
        await agent.post("tool_result", call_id=call_id, result=READ)
    else:
        await agent.post("cancel")
    await agent.until("turn_completed")

    with anyio.fail_after(20):
        while await kept(agent):  # noqa: ASYNC110 -- another process tidies up
            await asyncio.sleep(0.02)
