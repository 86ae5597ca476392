"""A client that does whatever the agent asks of it, once, and checks all that it sees."""

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import anyio

from harness.agent import TRANSPORT, Agent, Event
from harness.runtimes import Cluster

TURN_TIMEOUT_S = 30
WRITTEN = {"success": True, "bytes_written": 3, "created": True, "changed": True}
READ = {
    "success": True,
    "content": "one\ntwo\n",
    "encoding": "utf-8",
    "sha256": hashlib.sha256(b"one\ntwo\n").hexdigest(),
    "size": 8,
    "start_line": 1,
    "end_line": 2,
    "total_lines": 2,
    "truncated": False,
}
RESULTS: dict[str, Any] = {
    "read_file": READ,
    "write_file": WRITTEN,
    "prompt_user": {"action": "yes"},
    "git.diff": {"success": True, "diff": ""},
}


@dataclass(frozen=True)
class Seen:
    """What a turn looked like, but for how its text was cut into events."""

    texts: dict[str, str]
    calls: list[tuple[str, str, str]]
    outcomes: list[tuple[str, str, str]]
    kinds: Counter[str]


@dataclass
class Robot:
    """One session of one client; `events` are all that it saw, in order."""

    agent: Agent
    random: Random
    events: list[Event] = field(default_factory=list)
    executed: Counter[str] = field(default_factory=Counter)
    position: str = ""

    @classmethod
    def of(cls, cluster: Cluster, random: Random) -> "Robot":
        """A robot with a session of its own."""
        return cls(Agent(cluster), random)

    async def converse(self, text: str) -> None:
        """Ask for something, and work until it is done; whatever happens to the runtimes."""
        await self.agent.attach()
        async with asyncio.TaskGroup() as errands:
            errands.create_task(self.agent.say(text))
            with anyio.fail_after(TURN_TIMEOUT_S):
                while not self.is_done:
                    try:
                        await self._follow(errands)
                    except (*TRANSPORT, ZeroDivisionError):
                        await asyncio.sleep(0.02)

    @property
    def is_done(self) -> bool:
        """Whether the turn is over."""
        return bool(self.events) and self.events[-1]["type"] == "turn_completed"

    async def _follow(self, errands: asyncio.TaskGroup) -> None:
        """Read one stream of one runtime, for as long as it lasts."""
        node = self.random.randrange(8)
        async with self.agent.stream(node=node, last_event_id=self.position) as stream:
            async for event in stream:
                assert event["seq"] == len(self.events) + 1, (event["seq"], len(self.events))
                self.events.append(event)
                self.position = stream.position
                errands.create_task(self._react(event))
                if self.is_done:
                    return
            assert set(stream.control) <= {"attached", "drain"}, stream.control
            await asyncio.sleep(0.01)

    async def _react(self, event: Event) -> None:
        """Decide, or run, what is asked for."""
        call_id = event.get("call_id", "")
        if event["type"] == "tool_call" and event["requires_approval"]:
            await self.agent.sure("decision", call_id=call_id, decision="approve")
        elif event["type"] == "tool_call":
            await self._run(event["tool_name"], call_id)
        elif event["type"] == "tool_resolved" and event["phase"] == "decision":
            call = next(e for e in self.events if e.get("call_id") == call_id)
            await self._run(call["tool_name"], call_id)

    async def _run(self, tool: str, call_id: str) -> None:
        """Run a tool, and see to it that the result arrives."""
        self.executed[call_id] += 1
        await self.agent.sure("tool_result", call_id=call_id, result=RESULTS[tool])

    def seen(self) -> Seen:
        """What happened, after all the checks that need no comparison."""
        finals = [e for e in self.events if e.get("is_final")]
        assert [e["type"] for e in self.events].count("turn_completed") == len(finals) == 1
        assert all(count == 1 for count in self.executed.values()), self.executed
        texts: dict[str, str] = {}
        for event in self.events:
            if event["type"] == "assistant_message" and event["token"]:
                texts[event["message_id"]] = texts.get(event["message_id"], "") + event["token"]
            assert event["type"] not in {"message_retracted", "error"}, event
        digests = {d["message_id"]: d["sha256"] for d in self.events[-1]["digests"]}
        assert digests == {m: hashlib.sha256(t.encode()).hexdigest() for m, t in texts.items()}
        kinds = Counter(e["type"] for e in self.events if "message" not in e["type"])
        return Seen(texts, self._calls(), self._outcomes(), kinds)

    def _calls(self) -> list[tuple[str, str, str]]:
        """All calls; those that run side by side are asked for in any order."""
        asked = [e for e in self.events if e["type"] == "tool_call"]
        return sorted((e["call_id"], e["tool_name"], e["digest"]) for e in asked)

    def _outcomes(self) -> list[tuple[str, str, str]]:
        """All outcomes, each after its call."""
        said = [e for e in self.events if e["type"] == "tool_resolved"]
        asked = {e["call_id"]: e["seq"] for e in self.events if e["type"] == "tool_call"}
        assert all(asked[e["call_id"]] < e["seq"] for e in said)
        return sorted((e["call_id"], e["phase"], e["outcome"]) for e in said)
