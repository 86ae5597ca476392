"""A person is asked: whatever happens meanwhile, the answer counts once, and the turn goes on."""

import json
from typing import Any

import pytest

from harness.agent import Agent, Event
from harness.robot import READ
from harness.runtimes import Cluster, cluster

WRITE = 'call write_file with {"path": "n.txt", "content": "new"}'
WRITTEN = {"success": True, "bytes_written": 3}
DIFF = "--- a/a.txt\n+++ b/a.txt\n@@ @@\n-one\n+1\n two\n"
REVIEW = (
    'call read_file with {"path": "a.txt"}'
    f" then call apply_patch_review with {json.dumps({'diff': DIFF})}"
)


async def asked(agent: Agent, text: str) -> Event:
    """The call that a message leads to."""
    await agent.say(text)
    return (await agent.until("tool_call"))[-1]


async def shown(agent: Agent, call_id: str) -> None:
    """Wait until the log has the call."""
    await agent.until(lambda event: event.get("call_id") == call_id)


async def told(agent: Agent, call_id: str) -> Any:
    """What the model was told of a call."""
    _, history = await agent.get("/history")
    (found,) = [m for m in history["messages"] if m.get("tool_call_id") == call_id]
    return json.loads(found["content"])


DECISIONS = [
    pytest.param({"decision": "approve"}, "approved", id="approve"),
    pytest.param(
        {"decision": "edit", "modified_arguments": {"path": "n.txt", "content": "mine"}},
        "edited",
        id="edit",
    ),
    pytest.param({"decision": "reject", "feedback": "not now"}, "rejected", id="deny"),
]


@pytest.mark.parametrize(("decision", "outcome"), DECISIONS)
async def test_a_decision_counts_though_everybody_who_asked_is_dead(
    pair: Cluster, decision: dict[str, Any], outcome: str
) -> None:
    """R-19: the dialogue is in the store; a denial reaches the model."""
    agent = Agent(pair)
    await agent.attach()
    call_id = (await asked(agent, WRITE))["call_id"]
    for node in [*pair.nodes]:
        await pair.kill(node)
    await pair.start()

    await agent.sure("decision", call_id=call_id, **decision)

    resolved = (await agent.until("tool_resolved"))[-1]
    assert (resolved["phase"], resolved["outcome"]) == ("decision", outcome)
    if outcome != "rejected":
        await agent.sure("tool_result", call_id=call_id, result=WRITTEN)
    events = await agent.until("turn_completed")
    assert [e["call_id"] for e in events if e["type"] == "tool_call"] == [call_id]
    assert events[-1]["reason"] == "completed"
    body = await told(agent, call_id)
    expected = {
        "approved": WRITTEN,
        "edited": {**WRITTEN, "edited": {"path": "n.txt", "content": "mine"}},
        "rejected": {
            "success": False,
            "error": {
                "code": "REJECTED",
                "message": "not now",
                "details": {"by": "internal", "feedback": "not now"},
            },
        },
    }
    assert body == expected[outcome]


async def test_a_review_that_takes_too_long_applies_nothing(
    store_server: str, proxy_url: str
) -> None:
    """R-20: every client is told, the model is told, an answer after that is late."""
    async with cluster(store_server, proxy_url, 1, question_timeout_ms=150) as runtimes:
        agent = Agent(runtimes)
        await agent.attach()
        read = await asked(agent, REVIEW)
        await agent.sure("tool_result", call_id=read["call_id"], result=READ)
        call = (await agent.until(lambda e: e.get("tool_name") == "apply_patch_review"))[-1]
        await agent.sure("ack", connection_id="x1", seq=call["seq"])

        events = await agent.until("turn_completed")
        answer = {"action": "apply", "chunks_selected": [1]}
        late = await agent.post("tool_result", call_id=call["call_id"], result=answer)

        assert [(e["call_id"], e["outcome"]) for e in events if e["type"] == "tool_resolved"] == [
            (read["call_id"], "completed"),
            (call["call_id"], "timed_out"),
        ]
        assert "apply_patch" not in [e.get("tool_name") for e in events]
        assert events[-1]["reason"] == "completed"
        assert [e.get("is_final") for e in events].count(True) == 1
        assert (late[0], late[1]["late"]) == (200, True)
        assert (await told(agent, call["call_id"]))["error"]["code"] == "TOOL_TIMEOUT"


async def test_three_confirmations_of_one_turn_have_three_answers(agent: Agent) -> None:
    """T-13."""
    question = 'call prompt_user with {"message": "Go on?", "actions": ["Yes", "No"]}'
    await agent.say(f"{question} then {question} then {question}")
    answers = ["Yes", "No", "Yes"]

    for n, action in enumerate(answers, 1):
        call_id = f"c1-{n}-0"
        await shown(agent, call_id)
        await agent.sure("tool_result", call_id=call_id, result={"action": action})

    events = await agent.until("turn_completed")
    assert [(await told(agent, f"c1-{n}-0"))["action"] for n in (1, 2, 3)] == answers
    assert [e["outcome"] for e in events if e["type"] == "tool_resolved"] == ["completed"] * 3


async def test_two_open_approvals_may_be_answered_in_reverse(agent: Agent) -> None:
    """T-13: each answer is for its call."""
    other = 'write_file with {"path": "m.txt", "content": "old"}'
    await agent.say(f"{WRITE} and {other}")
    first, second = "c1-1-0", "c1-1-1"
    for name in (first, second):
        await shown(agent, name)

    await agent.sure("decision", call_id=second, decision="reject", feedback="no")
    await agent.sure("decision", call_id=first, decision="approve")
    await agent.sure("tool_result", call_id=first, result=WRITTEN)

    await agent.until("turn_completed")
    assert await told(agent, first) == WRITTEN
    assert (await told(agent, second))["error"]["code"] == "REJECTED"
