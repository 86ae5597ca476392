"""Patches for a client that can only read and write files: each file asked for, written, told."""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from harness.agent import TIMEOUT_S, TRANSPORT, Agent, Event
from harness.runtimes import Cluster
from harness.services import Services, services
from harness.sockets import Frame, RawSocket, opened
from harness.writer import TOOLS, Writer

OLD = {"a.txt": b"one\nold\nthree\n", "b.txt": b"old\r\nx\r\n"}
NEW = {name: content.replace(b"old", b"new") for name, content in OLD.items()}
DIFF = """--- a/a.txt
+++ b/a.txt
@@ @@
 one
-old
+new
 three
--- a/b.txt
+++ b/b.txt
@@ @@
-old
+new
 x
"""
READS = 'call read_file with {"path": "a.txt"} and read_file with {"path": "b.txt"}'
TASK = f"{READS} then call apply_patch with {json.dumps({'diff': DIFF})}"
FIRST, SECOND = "c1-2-0-f0", "c1-2-0-f1"


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    folder = tmp_path / "workspace"
    folder.mkdir()
    for name, content in OLD.items():
        (folder / name).write_bytes(content)
    return Writer(folder)


def on_disk(writer: Writer) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in writer.folder.iterdir()}


def guard(name: str) -> dict[str, str]:
    shas = {"pre_sha": sha256(OLD[name]).hexdigest(), "post_sha": sha256(NEW[name]).hexdigest()}
    return {"path": name, "op": "modify", **shas}


def without_ids(hunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: hunk[name] for name in hunk if name != "hunk_id"} for hunk in hunks]


# Over the gateway's socket.


@dataclass
class Editor:
    """An editor before a gateway; the person decides by path, or approves."""

    platform: Services
    socket: RawSocket
    writer: Writer

    async def converse(
        self, text: str, decisions: Mapping[str, Any], tools: list[str] = TOOLS
    ) -> list[Frame]:
        """The frames of a whole turn."""
        await self.socket.hello(tools=tools)
        start = len(self.socket.seen)
        await self._send("user_message", content=text)
        calls: dict[str, Frame] = {}
        while (frame := await self.socket.receive())["type"] != "turn_completed":
            call_id = frame.get("call_id", "")
            if frame["type"] == "tool_call":
                calls[call_id] = frame
            if frame["type"] == "tool_call" and frame["requires_approval"]:
                path = frame["arguments"]["path"]
                decision = decisions.get(path, {"decision": "approve"})
                await self._send("hitl_decision", call_id=call_id, **decision)
            elif runs(frame):
                edited: Frame = {k: frame[k] for k in ("arguments", "guard") if k in frame}
                answer = self.writer.run({**calls[call_id], **edited})
                await self._send("tool_result", call_id=call_id, **answer)
        return self.socket.seen[start:]

    async def _send(self, kind: str, **fields: Any) -> None:
        await self.socket.send({"type": kind, "cid": f"k{len(self.socket.seen)}", **fields})

    async def told(self, call_id: str) -> Any:
        """What the model was told of a call."""
        url = f"{self.platform.gateway_url}/api/v1/sessions/writer/history"
        async with httpx2.AsyncClient(trust_env=False) as http:
            messages = (await http.get(url)).json()["messages"]
        (found,) = [m["content"] for m in messages if m.get("tool_call_id") == call_id]
        return json.loads(found)


def runs(frame: Frame) -> bool:
    """Whether a call may run now."""
    if frame["type"] == "tool_call":
        return frame["requires_approval"] is False
    is_decision = frame["type"] == "tool_resolved" and frame["phase"] == "decision"
    return bool(is_decision and frame["outcome"] != "rejected")


@pytest.fixture
async def editor(store_server: str, tmp_path: Path, writer: Writer) -> AsyncIterator[Editor]:
    async with (
        services(store_server, tmp_path) as platform,
        opened(f"{platform.socket_url}/ws/writer") as socket,
    ):
        yield Editor(platform, socket, writer)


async def test_a_patch_is_written_file_by_file_and_told_as_one(editor: Editor) -> None:
    """R-12, T-04: every byte that the patch does not name stays, line ends included."""
    frames = await editor.converse(TASK, {})

    calls = [f for f in frames if f["type"] == "tool_call" and f["tool_name"] != "read_file"]
    assert [(c["call_id"], c["tool_name"], c["arguments"], c["origin"]) for c in calls] == [
        (FIRST, "write_file", {"path": "a.txt", "content": NEW["a.txt"].decode()}, "runtime"),
        (SECOND, "write_file", {"path": "b.txt", "content": NEW["b.txt"].decode()}, "runtime"),
    ]
    assert on_disk(editor.writer) == NEW
    body = await editor.told("c1-2-0")
    assert without_ids(body.pop("applied")) == [
        {"path": "a.txt", "new_start": 1, "new_lines": 3},
        {"path": "b.txt", "new_start": 1, "new_lines": 2},
    ]
    assert body == {
        "success": True,
        "atomic": False,
        "files": [guard("a.txt"), guard("b.txt")],
        "files_modified": ["a.txt", "b.txt"],
    }
    assert frames[-1]["reason"] == "completed"


async def test_the_file_that_a_person_refuses_stays_and_the_model_knows_which(
    editor: Editor,
) -> None:
    no = {"decision": "reject", "feedback": "not this one"}

    await editor.converse(TASK, {"a.txt": no})

    assert on_disk(editor.writer) == {**OLD, "b.txt": NEW["b.txt"]}
    body = await editor.told("c1-2-0")
    assert (body["success"], body["files_modified"]) == (False, ["b.txt"])
    (failed,) = body["error"]["details"]["failed"]
    assert (failed["path"], failed["code"], failed["details"]["feedback"]) == (
        "a.txt",
        "REJECTED",
        "not this one",
    )


async def test_a_file_that_changed_in_between_is_not_overwritten(editor: Editor) -> None:
    """T-04: stale base."""
    changed = b"somebody else was here\n"
    original = editor.writer.run

    def late(call: Mapping[str, Any]) -> dict[str, Any]:
        if call["tool_name"] == "write_file" and call["call_id"] == FIRST:
            (editor.writer.folder / "a.txt").write_bytes(changed)
        return original(call)

    editor.writer.run = late  # type: ignore[method-assign]  # a person who is faster

    await editor.converse(TASK, {})

    assert on_disk(editor.writer) == {"a.txt": changed, "b.txt": NEW["b.txt"]}
    body = await editor.told("c1-2-0")
    assert (body["error"]["code"], body["files_modified"]) == ("CONFLICT", ["b.txt"])


async def test_what_a_person_wrote_instead_is_told(editor: Editor) -> None:
    mine = {"path": "a.txt", "content": "mine\n"}

    await editor.converse(TASK, {"a.txt": {"decision": "edit", "modified_arguments": mine}})

    assert on_disk(editor.writer) == {"a.txt": b"mine\n", "b.txt": NEW["b.txt"]}
    body = await editor.told("c1-2-0")
    assert (body["success"], body["edited"]) == (True, [mine])
    assert [hunk["path"] for hunk in body["applied"]] == ["b.txt"]


# When runtimes die.


async def acted(agent: Agent, writer: Writer, event: Event) -> None:
    """Approve what is asked for; run what may run."""
    call_id = event.get("call_id", "")
    if event["type"] == "tool_call" and event["requires_approval"]:
        await agent.sure("decision", call_id=call_id, decision="approve", cid=f"d{call_id}")
    elif runs(event):
        events = await agent.until(lambda e: e.get("call_id") == call_id)
        await agent.sure(
            "tool_result", call_id=call_id, cid=f"r{call_id}", **writer.run(events[-1])
        )


async def follow(agent: Agent, writer: Writer, sign: str, position: str) -> AsyncGenerator[Event]:
    """Go on with a turn until the sign is seen, or the stream ends."""
    async with agent.stream(last_event_id=position) as stream:
        async for event in stream:
            yield event
            await acted(agent, writer, event)
            if is_sign(event, sign) or event["type"] == "turn_completed":
                return


@pytest.mark.parametrize("sign", ["asked", "approved", "written"])
async def test_a_runtime_that_dies_between_two_writes_doubles_none(
    pair: Cluster, writer: Writer, sign: str
) -> None:
    """T-02: the successor goes on with the writes that are left."""
    agent = Agent(pair)
    epoch = (await agent.attach(tools=TOOLS))["epoch"]
    await agent.say(TASK)
    events: list[Event] = []
    with anyio.fail_after(TIMEOUT_S):
        while not (events and events[-1]["type"] == "turn_completed"):
            with contextlib.suppress(*TRANSPORT):
                position = f"{epoch}:{len(events)}"
                async with contextlib.aclosing(follow(agent, writer, sign, position)) as found:
                    events += [event async for event in found]
            if is_sign(events[-1], sign):
                await pair.kill(await pair.driving())
                await pair.start()

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert on_disk(writer) == NEW
    assert set(writer.ran.values()) == {1}
    assert [e["call_id"] for e in events if e["type"] == "tool_call"][2:] == [FIRST, SECOND]
    _, history = await agent.get("/history")
    (body,) = [m["content"] for m in history["messages"] if m.get("tool_call_id") == "c1-2-0"]
    assert json.loads(body)["files_modified"] == ["a.txt", "b.txt"]


def is_sign(event: Event, sign: str) -> bool:
    """Whether the moment for a kill has come."""
    outcome = {"asked": None, "approved": "approved", "written": "completed"}[sign]
    return event.get("call_id") == FIRST and event.get("outcome") == outcome
