"""One person's session, against a gateway that plays a script, with real tools on a real folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from codelab_client.agent_session import AgentSession, CommandRefusedError
from codelab_client.approvals import REFUSAL
from codelab_client.connection import GatewayRefusedError
from codelab_client.dialog_types import Decision
from codelab_client.transcript import TranscriptError
from fakes.fake_gateway import FakeGateway, Script, Talk, fake_gateway
from harness.person import Record, person

Frame = dict[str, Any]
DRIVER: Frame = {"type": "client_attached", "seq": 1, "driver": "x1"}


def call(seq: int, call_id: str, tool: str, arguments: Frame, **fields: Any) -> Frame:
    frame = {"type": "tool_call", "seq": seq, "turn_id": "t1", "message_id": "m1-1-0"}
    facts = {"call_id": call_id, "tool_name": tool, "arguments": arguments, "digest": "d"}
    return {**frame, **facts, "requires_approval": False, **fields}


def resolved(seq: int, call_id: str, outcome: str, phase: str = "result", **fields: Any) -> Frame:
    frame = {"type": "tool_resolved", "seq": seq, "turn_id": "t1", "call_id": call_id}
    return {**frame, "phase": phase, "outcome": outcome, **fields}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.txt").write_text("one\n")
    return folder


@asynccontextmanager
async def session_with(
    script: Script, workspace: Path, answers: Any = "all"
) -> AsyncIterator[tuple[FakeGateway, AgentSession, Record]]:
    async with (
        fake_gateway(script) as gateway,
        person(gateway.url, workspace, answers, session_id="s") as (session, record),
    ):
        yield gateway, session, record


async def answered(talk: Talk, kind: str) -> Frame:
    frame = await talk.receive(kind)
    await talk.ok(frame)
    return frame


async def test_a_message_ends_with_its_turn(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        message = await talk.receive("user_message")
        started = {"type": "turn_started", "turn_id": "t1", "message_id": message["message_id"]}
        completed = {"type": "turn_completed", "seq": 3, "turn_id": "t1", "reason": "completed"}
        await talk.ok(message)
        await talk.send(DRIVER, {**started, "seq": 2}, completed)
        await talk.stay()

    async with session_with(script, workspace) as (_, session, record):
        with anyio.fail_after(5):
            completed = await session.ask("hi")

    assert completed["reason"] == "completed"
    assert [frame["type"] for frame in record.frames if "seq" in frame] == [
        "client_attached",
        "turn_started",
        "turn_completed",
    ]


async def test_a_message_that_is_refused_says_why(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        message = await talk.receive("user_message")
        refusal = {"type": "error", "code": "TOO_LARGE", "message": "This is too large."}
        await talk.send({**refusal, "cid": message["cid"]})
        await talk.stay()

    async with session_with(script, workspace) as (_, session, _):
        with anyio.fail_after(5), pytest.raises(CommandRefusedError, match="too large"):
            await session.ask("x" * 20_000)


def told_anew(**snapshot: Any) -> Frame:
    whole: Frame = {"session": {}, "messages": [], "tool_calls": [], "queue": [], "cids": []}
    facts = {"epoch": "e2", "seq": 1, "reason": "epoch_changed"}
    return {"type": "resync", **facts, "snapshot": {**whole, "driver": "x1", **snapshot}}


async def test_a_turn_that_ended_unseen_is_over(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        message = await answered(talk, "user_message")
        kept = {"message_id": message["message_id"], "role": "user", "content": "hi"}
        await talk.send(told_anew(messages=[{**kept, "turn_id": "t1"}]))
        await talk.stay()

    async with session_with(script, workspace) as (_, session, _):
        with anyio.fail_after(5):
            completed = await session.ask("hi")

    assert completed["reason"] == "unknown"
    assert completed["turn_id"] == "t1"


async def test_a_message_that_the_store_lost_is_sent_again_as_it_was(workspace: Path) -> None:
    sent: list[Frame] = []

    async def script(talk: Talk) -> None:
        await talk.welcome()
        sent.append(await answered(talk, "user_message"))
        await talk.send(told_anew())
        sent.append(await answered(talk, "user_message"))
        started = {"type": "turn_started", "turn_id": "t1", "message_id": sent[1]["message_id"]}
        completed = {"type": "turn_completed", "seq": 3, "turn_id": "t1", "reason": "completed"}
        await talk.send({**started, "seq": 2}, completed)
        await talk.stay()

    async with session_with(script, workspace) as (_, session, _):
        with anyio.fail_after(5):
            completed = await session.ask("hi")

    assert completed["reason"] == "completed"
    assert sent[1] == sent[0]


class Agreeing:
    """A person who says yes; `asked` counts how often."""

    def __init__(self) -> None:
        self.asked = 0

    async def approve(self, _call: Any) -> Decision:
        self.asked += 1
        return Decision("approve")


@pytest.mark.parametrize(
    ("asked", "command", "names"),
    [
        (call(2, "c1", "read_file", {"path": "a.txt"}), "tool_result", ["type", "result"]),
        (
            call(2, "c1", "read_file", {"path": "a.txt"}, requires_approval=True),
            "hitl_decision",
            ["type", "decision"],
        ),
    ],
    ids=["an answer", "a decision"],
)
async def test_what_was_said_about_a_call_is_said_again_where_the_store_lost_it(
    asked: Frame, command: str, names: list[str], workspace: Path
) -> None:
    said: list[Frame] = []
    done = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.send(DRIVER, asked)
        said.append(await answered(talk, command))
        await talk.send(told_anew(tool_calls=[{**asked, "state": "ready"}]))
        said.append(await answered(talk, command))
        done.set()
        await talk.stay()

    dialogs = Agreeing()
    async with session_with(script, workspace, dialogs):
        with anyio.fail_after(5):
            await done.wait()

    first, second = said
    assert [second[name] for name in names] == [first[name] for name in names]
    assert second["cid"] != first["cid"]
    assert dialogs.asked == asked["requires_approval"]


async def test_a_question_that_is_open_is_not_asked_again(workspace: Path) -> None:
    asks = call(2, "c1", "write_file", {"path": "b.txt", "content": "x"}, requires_approval=True)
    undecided = Undecided()

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.send(DRIVER, asks)
        await undecided.asked.wait()
        undecided.asked.clear()
        await talk.send(told_anew(tool_calls=[{**asks, "state": "awaiting_approval"}]))
        await talk.send(resolved(2, "c1", "rejected"))
        await talk.stay()

    async with session_with(script, workspace, undecided) as (_, _, record):
        await record.until(lambda shown: bool(shown.of("tool_resolved")))

    assert not undecided.asked.is_set()


async def test_the_driver_runs_a_call_and_sends_its_result(workspace: Path) -> None:
    results: list[Frame] = []

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.send(DRIVER, call(2, "c1", "read_file", {"path": "a.txt"}))
        results.append(await answered(talk, "tool_result"))
        await talk.send({"type": "status", "state": "live"})
        await talk.stay()

    async with session_with(script, workspace) as (_, _, record):
        await record.until(lambda seen: bool(seen.of("status")))

    assert results[0]["call_id"] == "c1"
    assert results[0]["result"]["content"] == "one\n"


async def test_calls_of_another_driver_are_left_alone(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        other = {**DRIVER, "driver": "x2"}
        await talk.send(other, call(2, "c1", "read_file", {"path": "a.txt"}))
        await talk.send({"type": "ping-like"}, {"type": "client_detached", "seq": 3})
        await talk.stay()

    async with session_with(script, workspace) as (gateway, _, record):
        await record.until(lambda seen: bool(seen.of("client_detached")))

    assert [frame["type"] for frame in gateway.talks[0].frames] == ["hello"]


async def test_pending_calls_run_when_this_client_becomes_the_driver(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        other = {**DRIVER, "driver": "x2"}
        await talk.send(other, call(2, "c1", "read_file", {"path": "a.txt"}))
        await talk.send({"type": "client_detached", "seq": 3, "driver": "x1"})
        await answered(talk, "tool_result")
        await talk.send(resolved(4, "c1", "completed"))
        await talk.stay()

    async with session_with(script, workspace) as (_, _, record):
        await record.until(lambda seen: bool(seen.of("tool_resolved")))


async def test_a_call_waits_for_the_decision_and_runs_as_it_was_edited(workspace: Path) -> None:
    """E-02: what runs is what was decided."""

    async def script(talk: Talk) -> None:
        await talk.welcome()
        asked = call(2, "c1", "write_file", {"path": "b.txt", "content": "x"})
        await talk.send(DRIVER, {**asked, "requires_approval": True})
        await answered(talk, "hitl_decision")
        edited = {"arguments": {"path": "c.txt", "content": "y"}, "digest": "d2"}
        await talk.send(resolved(3, "c1", "edited", "decision", **edited))
        await answered(talk, "tool_result")
        await talk.send(resolved(4, "c1", "completed"))
        await talk.stay()

    async with session_with(script, workspace) as (gateway, _, record):
        await record.until(lambda seen: len(seen.of("tool_resolved")) == 2)

    decision = gateway.talks[0].frames[1]
    assert (decision["call_id"], decision["decision"]) == ("c1", "approve")
    assert not (workspace / "b.txt").exists()
    assert (workspace / "c.txt").read_text() == "y"


async def test_a_refusal_carries_its_reason(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        asked = call(2, "c1", "write_file", {"path": "b.txt", "content": "x"})
        await talk.send(DRIVER, {**asked, "requires_approval": True})
        await answered(talk, "hitl_decision")
        await talk.send(resolved(3, "c1", "rejected", "decision"))
        await talk.stay()

    async with session_with(script, workspace, "none") as (gateway, _, record):
        await record.until(lambda seen: bool(seen.of("tool_resolved")))

    decision = gateway.talks[0].frames[1]
    assert (decision["decision"], decision["feedback"]) == ("reject", REFUSAL)


class Undecided:
    """A person who never answers; `withdrawn` is set when a dialog closes."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.withdrawn = asyncio.Event()

    async def _never(self, _call: Any) -> Any:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.withdrawn.set()

    review = prompt = approve = _never


@pytest.mark.parametrize("tool", ["prompt_user", "write_file"])
async def test_a_dialog_closes_when_its_call_is_over(workspace: Path, tool: str) -> None:
    """T-14."""
    undecided = Undecided()
    asks = tool == "write_file"
    arguments: Frame = {"message": "Go on?", "actions": ["yes"]}
    if asks:
        arguments = {"path": "b.txt", "content": "x"}

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.send(DRIVER, call(2, "c1", tool, arguments, requires_approval=asks))
        await undecided.asked.wait()
        await talk.send(resolved(3, "c1", "cancelled"))
        await talk.stay()

    async with session_with(script, workspace, undecided):
        with anyio.fail_after(5):
            await undecided.withdrawn.wait()


async def test_cancel_is_a_command(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await answered(talk, "cancel")
        await talk.stay()

    async with session_with(script, workspace) as (gateway, session, _):
        with anyio.fail_after(5):
            await session.cancel()

    assert gateway.talks[0].frames[-1]["type"] == "cancel"


async def test_a_gateway_that_refuses_us_ends_the_session(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.socket.close(4404, "SESSION_NOT_FOUND")

    with pytest.raises(GatewayRefusedError, match="SESSION_NOT_FOUND"):
        async with session_with(script, workspace):
            pass


async def test_a_gap_in_the_events_ends_the_session(workspace: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.send(DRIVER, {**DRIVER, "seq": 5})
        await talk.stay()

    with pytest.RaisesGroup(TranscriptError, allow_unwrapped=True, flatten_subgroups=True):
        async with session_with(script, workspace) as (_, session, _):
            with anyio.fail_after(5):
                await session.ask("hi")
