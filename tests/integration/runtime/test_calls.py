"""Tool calls: asked for, decided, answered; each has one outcome, whoever says what and when."""

from typing import Any

import orjson
import pytest

from harness.agent import Agent, Event, kinds, text_of
from harness.robot import READ
from harness.runtimes import Cluster, cluster

READ_CALL = 'call read_file with {"path": "a.txt"}'
WRITE_CALL = 'call write_file with {"path": "n.txt", "content": "new"}'
WRITTEN = {"success": True, "bytes_written": 3}


async def asked(agent: Agent, text: str) -> Event:
    """The call that a message leads to."""
    await agent.say(text)
    return (await agent.until("tool_call"))[-1]


def code(answer: tuple[int, Any]) -> tuple[int, str, str | None]:
    """Status, code and class of a refusal."""
    status, body = answer
    return status, body["error"]["code"], body["error"].get("class")


async def told(agent: Agent, call_id: str) -> list[Any]:
    """What the model was told of a call."""
    _, history = await agent.get("/history")
    found = [m for m in history["messages"] if m.get("tool_call_id") == call_id]
    return [orjson.loads(message["content"]) for message in found]


async def test_a_result_goes_to_the_model(agent: Agent) -> None:
    call = await asked(agent, READ_CALL)

    answer = await agent.post("tool_result", call_id=call["call_id"], result=READ)

    assert answer == (
        200,
        {"status": "received", "call_id": "c1-1-0", "duplicate": False, "late": False},
    )
    events = await agent.until("turn_completed")
    resolved = next(e for e in events if e["type"] == "tool_resolved")
    assert resolved | {"seq": 0} == {
        "type": "tool_resolved",
        "seq": 0,
        "turn_id": "t1",
        "call_id": "c1-1-0",
        "phase": "result",
        "outcome": "completed",
        "by": "internal",
    }
    assert await told(agent, "c1-1-0") == [READ]
    assert "one" in text_of(events)


async def test_the_first_of_many_results_wins(agent: Agent) -> None:
    call_id = (await asked(agent, READ_CALL))["call_id"]
    other = {**READ, "content": "other\ntwo\n"}

    first = await agent.post("tool_result", call_id=call_id, result=READ, cid="a")
    again = await agent.post("tool_result", call_id=call_id, result=READ, cid="a", node=1)
    same = await agent.post("tool_result", call_id=call_id, result=READ, cid="b", node=1)
    late = await agent.post("tool_result", call_id=call_id, result=other, cid="c")

    assert [body["duplicate"] for _, body in (first, again, same)] == [False, True, True]
    assert code(late) == (409, "ALREADY_ANSWERED", "result")
    await agent.until("turn_completed")
    assert await told(agent, call_id) == [READ]


async def test_a_failed_tool_is_the_models_to_know(agent: Agent) -> None:
    call_id = (await asked(agent, READ_CALL))["call_id"]
    error = {"code": "FILE_NOT_FOUND", "message": "gone", "details": {"path": "a.txt"}}

    await agent.post("tool_result", call_id=call_id, error=error)

    events = await agent.until("turn_completed")
    (resolved,) = [e for e in events if e["type"] == "tool_resolved"]
    assert (resolved["outcome"], resolved["code"]) == ("failed", "FILE_NOT_FOUND")
    assert (await told(agent, call_id))[0]["error"] == error


async def test_a_result_for_no_call_changes_nothing(agent: Agent) -> None:
    await asked(agent, READ_CALL)

    assert code(await agent.post("tool_result", call_id="c9-9-9", result=1)) == (
        404,
        "NOT_FOUND",
        "call_unknown",
    )


async def test_a_large_result_comes_in_parts_through_any_runtime(agent: Agent) -> None:
    call_id = (await asked(agent, READ_CALL))["call_id"]
    text = orjson.dumps({**READ, "content": "ä" * 400_000}).decode()
    pieces = [text[i : i + 300_000] for i in range(0, len(text), 300_000)]

    for _ in range(2):
        for n, chunk in enumerate(pieces):
            part = {"index": n, "last": n == len(pieces) - 1}
            status, body = await agent.post(
                "tool_result", call_id=call_id, part=part, chunk=chunk, cid=f"p{n}", node=n
            )
            assert status == 200, body

    assert body["duplicate"]
    await agent.until("turn_completed")
    (result,) = await told(agent, call_id)
    assert result["success"]


@pytest.mark.parametrize(
    ("part", "chunk", "status"),
    [
        pytest.param({"index": 1, "last": True}, "}", 400, id="a piece is missing"),
        pytest.param({"index": 0, "last": True}, "{", 400, id="no JSON"),
        pytest.param({"index": 64, "last": False}, "x", 413, id="too many"),
        pytest.param({"index": 0, "last": False}, "x" * 393_217, 413, id="too large"),
        pytest.param({"index": -1, "last": False}, "x", 400, id="no index"),
        pytest.param({"index": 0, "last": True}, None, 400, id="no chunk"),
    ],
)
async def test_bad_parts_leave_the_call_open(
    agent: Agent, part: dict[str, Any], chunk: str | None, status: int
) -> None:
    call_id = (await asked(agent, READ_CALL))["call_id"]

    refused = await agent.post("tool_result", call_id=call_id, part=part, chunk=chunk)
    good = await agent.post("tool_result", call_id=call_id, result=READ)

    assert refused[0] == status
    assert good[0] == 200


async def test_an_approved_call_runs(agent: Agent) -> None:
    call = await asked(agent, WRITE_CALL)
    assert call["requires_approval"]
    early = await agent.post("tool_result", call_id=call["call_id"], result=WRITTEN)

    decided = await agent.post("decision", call_id=call["call_id"], decision="approve", cid="d")
    again = await agent.post("decision", call_id=call["call_id"], decision="approve", cid="d")
    other = await agent.post("decision", call_id=call["call_id"], decision="reject")
    done = await agent.post("tool_result", call_id=call["call_id"], result=WRITTEN)

    assert code(early) == (409, "CONFLICT", "approval_required")
    assert decided[1] == {
        "status": "accepted",
        "call_id": "c1-1-0",
        "outcome": "approved",
        "duplicate": False,
    }
    assert again[1]["duplicate"]
    assert code(other) == (409, "ALREADY_ANSWERED", "decision")
    assert other[1]["error"]["details"] == {"outcome": "approved", "by": "internal"}
    assert done[0] == 200
    events = await agent.until("turn_completed")
    assert [e["outcome"] for e in events if e["type"] == "tool_resolved"] == [
        "approved",
        "completed",
    ]


async def test_a_rejected_call_is_over_and_the_turn_goes_on(agent: Agent) -> None:
    call_id = (await asked(agent, WRITE_CALL))["call_id"]

    await agent.post("decision", call_id=call_id, decision="reject", feedback="not there")

    events = await agent.until("turn_completed")
    (resolved,) = [e for e in events if e["type"] == "tool_resolved"]
    assert (resolved["phase"], resolved["outcome"]) == ("decision", "rejected")
    (body,) = await told(agent, call_id)
    assert (body["error"]["code"], body["error"]["details"]["feedback"]) == (
        "REJECTED",
        "not there",
    )
    assert events[-1]["reason"] == "completed"
    late = await agent.post("decision", call_id=call_id, decision="approve")
    assert code(late) == (409, "ALREADY_ANSWERED", "decision")


async def test_an_edited_call_runs_as_edited(agent: Agent) -> None:
    call_id = (await asked(agent, WRITE_CALL))["call_id"]
    edited = {"path": "n.txt", "content": "better"}

    await agent.post("decision", call_id=call_id, decision="edit", modified_arguments=edited)

    resolved = (await agent.until("tool_resolved"))[-1]
    assert (resolved["outcome"], resolved["arguments"]) == ("edited", edited)
    await agent.post("tool_result", call_id=call_id, result=WRITTEN)
    await agent.until("turn_completed")
    assert (await told(agent, call_id))[0]["edited"] == edited


async def test_an_edit_that_cannot_run_is_asked_for_again(agent: Agent) -> None:
    call_id = (await asked(agent, WRITE_CALL))["call_id"]
    bad = {"path": "../n.txt", "content": "x"}

    await agent.post("decision", call_id=call_id, decision="edit", modified_arguments=bad)
    error = (await agent.until("error"))[-1]
    second = await agent.post("decision", call_id=call_id, decision="approve")

    assert (error["call_id"], error["code"]) == (call_id, "INVALID_PATH")
    assert second == (
        200,
        {"status": "accepted", "call_id": call_id, "outcome": "approved", "duplicate": False},
    )


async def test_a_plain_drivers_result_is_its_decision(pair: Cluster) -> None:
    agent = Agent(pair)
    await agent.attach("plain")
    call_id = (await asked(agent, WRITE_CALL))["call_id"]

    await agent.post("tool_result", call_id=call_id, result=WRITTEN)

    events = await agent.until("turn_completed")
    outcomes = [e["outcome"] for e in events if e["type"] == "tool_resolved"]
    assert outcomes == ["approved", "completed"]


async def test_open_questions_are_listed(agent: Agent) -> None:
    call = await asked(agent, WRITE_CALL)

    _, listed = await agent.get("/pending-approvals", node=1)

    (approval,) = listed["pending_approvals"]
    assert (listed["count"], approval["call_id"], approval["arguments"]) == (
        1,
        call["call_id"],
        {"path": "n.txt", "content": "new"},
    )


async def test_a_tool_that_does_not_answer_is_given_up(store_server: str, proxy_url: str) -> None:
    """R-11: its time runs from the driver's ack; what comes later is told as late."""
    async with cluster(store_server, proxy_url, file_tool_timeout_ms=150) as runtimes:
        agent = Agent(runtimes)
        await agent.attach()
        call = await asked(agent, READ_CALL)
        await agent.post("ack", connection_id="x1", seq=call["seq"])

        events = await agent.until("turn_completed")
        late = await agent.post("tool_result", call_id=call["call_id"], result=READ)
        again = await agent.post("tool_result", call_id=call["call_id"], result=READ)

        (resolved,) = [e for e in events if e["type"] == "tool_resolved"]
        assert (resolved["outcome"], resolved["code"]) == ("timed_out", "TOOL_TIMEOUT")
        assert [late[1]["late"], again[1]["duplicate"]] == [True, True]
        assert (await told(agent, call["call_id"]))[0]["error"]["code"] == "TOOL_TIMEOUT"
        assert (await agent.turn("echo on"))[-1]["reason"] == "completed"


async def test_without_an_ack_no_time_runs(store_server: str, proxy_url: str) -> None:
    async with cluster(store_server, proxy_url, 1, file_tool_timeout_ms=1) as runtimes:
        agent = Agent(runtimes)
        await agent.attach()
        call = await asked(agent, READ_CALL)
        await agent.sure("ack", connection_id="x1", seq=call["seq"] - 1)
        await agent.sure("ack", connection_id="x9", seq=call["seq"])

        await agent.sure("tool_result", call_id=call["call_id"], result=READ)

        events = await agent.until("turn_completed")
        assert [e["outcome"] for e in events if e["type"] == "tool_resolved"] == ["completed"]


async def test_a_question_to_a_person_ends_in_time(store_server: str, proxy_url: str) -> None:
    """R-20: a decision a moment later is refused as expired, a result is late."""
    async with cluster(store_server, proxy_url, question_timeout_ms=100) as runtimes:
        agent = Agent(runtimes)
        await agent.attach()
        call = await asked(agent, WRITE_CALL)
        await agent.sure("ack", connection_id="x1", seq=call["seq"])
        await agent.until("turn_completed")

        late = await agent.post("decision", call_id=call["call_id"], decision="approve")

        assert code(late) == (409, "ALREADY_ANSWERED", "expired")
        assert (await told(agent, call["call_id"]))[0]["error"]["code"] == "TOOL_TIMEOUT"


async def test_rules_decide_without_a_person(store_server: str, proxy_url: str) -> None:
    rules = [
        {"tool": "write_file", "path": "docs/*", "decision": "auto"},
        {"tool": "write_file", "decision": "deny"},
    ]
    async with cluster(store_server, proxy_url, 1, approval_rules=rules) as runtimes:
        agent = Agent(runtimes)
        await agent.attach()
        call = await asked(agent, 'call write_file with {"path": "docs/a", "content": "x"}')
        await agent.sure("tool_result", call_id=call["call_id"], result=WRITTEN)
        await agent.until("turn_completed")

        events = await agent.turn(WRITE_CALL)

        assert not call["requires_approval"]
        assert kinds(events).count("tool_call") == 1
        assert (await told(agent, "c2-1-0"))[0]["error"]["code"] == "POLICY_DENIED"


async def test_a_model_that_never_comes_to_an_end_is_stopped(
    store_server: str, proxy_url: str
) -> None:
    """R-12."""
    async with cluster(store_server, proxy_url, 1, max_steps=1) as runtimes:
        agent = Agent(runtimes)
        await agent.attach()
        call = await asked(agent, READ_CALL)
        await agent.sure("tool_result", call_id=call["call_id"], result=READ)

        events = await agent.until("turn_completed")

        error = next(e for e in events if e["type"] == "error")
        assert (error["code"], error["class"]) == ("TURN_LIMIT", "steps")
        assert events[-1]["reason"] == "limit"


async def test_calls_of_one_answer_run_at_once_but_for_writes_to_one_file(agent: Agent) -> None:
    """P-15: the model goes on once, when all of them have their outcome."""
    reads = [f'read_file with {{"path": "{name}.txt"}}' for name in "abc"]
    writes = [f'write_file with {{"path": "n.txt", "content": "{text}"}}' for text in "xy"]
    await agent.say(f"call {' and '.join([*reads, *writes])}")
    first = {f"c1-1-{n}" for n in range(4)}

    def is_open(event: Event) -> bool:
        first.discard(event.get("call_id", ""))
        return not first

    asked = await agent.until(is_open)
    await agent.sure("decision", call_id="c1-1-3", decision="approve")
    await agent.sure("tool_result", call_id="c1-1-3", result=WRITTEN)
    then = await agent.until(lambda e: e.get("call_id") == "c1-1-4")
    await agent.sure("decision", call_id="c1-1-4", decision="reject")
    for n in (2, 0, 1):
        await agent.sure("tool_result", call_id=f"c1-1-{n}", result=READ)

    events = await agent.until("turn_completed")
    assert {e["call_id"] for e in asked if e["type"] == "tool_call"} == {
        f"c1-1-{n}" for n in range(4)
    }
    assert [e["call_id"] for e in then if e["type"] == "tool_resolved"][-1] == "c1-1-3"
    assert events[-1]["usage"]["inferences"] == 2
    assert events[-1]["usage"]["tool_calls"] == 5
