"""One person's session: shows what happens, runs the tools, answers questions, sends commands."""

import asyncio
from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final, Protocol

from codelab_client.asked import Asked
from codelab_client.connection import Connection
from codelab_client.dialog_types import Dialogs
from codelab_client.tools import Toolbox
from codelab_client.transcript import Transcript
from codelab_core.clock import random_hex
from codelab_core.protocol.events import ToolCall
from codelab_core.server import cancelled_at_end

QUESTIONS: Final = frozenset({"apply_patch_review", "prompt_user"})

Frame = Mapping[str, Any]


class Screen(Protocol):
    """Where frames are shown."""

    def show(self, frame: Frame) -> None:
        """One frame, each once."""


class CommandRefusedError(Exception):
    """The server refused a command; the text is its sentence."""


class AgentSession:
    """Follows a session and works for it, until `run` is cancelled.

    Where the session is told anew, the store may have lost what was sent: open calls are run once
    more, which gives the answers and the decisions that are known, and does nothing twice.
    """

    def __init__(
        self, connection: Connection, toolbox: Toolbox, dialogs: Dialogs, screen: Screen
    ) -> None:
        self.transcript = Transcript()
        self._connection = connection
        self._toolbox = toolbox
        self._dialogs = dialogs
        self._screen = screen
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._done: set[str] = set()
        self._words: dict[tuple[str, str], dict[str, Any]] = {}
        self._asked = Asked()
        self._changed = asyncio.Event()
        self.live = asyncio.Event()

    async def run(self) -> None:
        """Follow the session. Raises `GatewayRefusedError`, `TranscriptError`."""
        async with cancelled_at_end() as tasks:
            for _, frames in groupby(await self._toolbox.resume(), key=_call_id):
                tasks.create_task(self._deliver(list(frames)))
            async for frame in self._connection.frames():
                if self.transcript.take(frame):
                    self._take(frame, tasks)

    async def when_live(self, running: "asyncio.Task[None]") -> None:
        """Wait until the gateway has welcomed us; raises what ended `run` instead."""
        async with cancelled_at_end() as tasks:
            live = tasks.create_task(self.live.wait())
            await asyncio.wait({live, running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()

    async def ask(self, text: str, *, delivery: str = "queue") -> Frame:
        """Send a message and wait for the end of its turn; the `turn_completed` event.

        Its reason is `asked.UNTOLD` where the end came while nobody could be told. A message that
        the store lost is sent again. Raises `CommandRefusedError` where it is not accepted.
        """
        message_id = f"u-{random_hex(16)}"
        command = {"type": "user_message", "content": text, "message_id": message_id}
        command |= {"delivery": delivery, "cid": message_id}
        self._asked.expect(message_id)
        try:
            while (end := self._asked.end(message_id)) is None:
                if self._asked.must_send(message_id):
                    await self._accepted(command)
                else:
                    self._changed.clear()
                    await self._changed.wait()
        finally:
            self._asked.forget(message_id)
        return end

    async def _accepted(self, command: Frame) -> None:
        """Send a command until it is accepted."""
        answer = await self._connection.send(command)
        if answer["type"] == "error":
            raise CommandRefusedError(answer["message"])

    async def cancel(self) -> None:
        """End the running turn."""
        await self._connection.send({"type": "cancel"})

    def _take(self, frame: Frame, tasks: asyncio.TaskGroup) -> None:
        """One frame: remember, work, show."""
        match frame["type"]:
            case "welcome":
                self.live.set()
            case "resync":
                self._done = {step for step in self._done if step.rstrip("?") in self._asking}
            case "tool_resolved" if frame["phase"] == "result" or frame["outcome"] == "rejected":
                self._withdraw(frame["call_id"])
            case "turn_completed":
                self._done.clear()
                self._words.clear()
        self._asked.take(frame)
        self._start_work(tasks)
        self._screen.show(frame)
        self._changed.set()

    def _start_work(self, tasks: asyncio.TaskGroup) -> None:
        """Run every open call that is ours to run, once; ask about those that need a word first."""
        if self.transcript.driver != self._connection.connection_id:
            return
        for call_id, call in self.transcript.calls.items():
            step = f"{call_id}?" if call["requires_approval"] else call_id
            if step in self._done:
                continue
            self._done.add(step)
            known = ToolCall.model_validate({k: v for k, v in call.items() if k != "state"})
            if call["requires_approval"]:
                self._asking[call_id] = tasks.create_task(self._approve(known))
            elif known.tool_name in QUESTIONS:
                self._asking[call_id] = tasks.create_task(self._run(known))
            else:
                tasks.create_task(self._run(known))

    def _withdraw(self, call_id: str) -> None:
        """The call is over: a dialog for it closes; a tool that runs is left to end."""
        dialog = self._asking.pop(call_id, None)
        if dialog:
            dialog.cancel()

    async def _approve(self, call: ToolCall) -> None:
        """Ask the person about a call, once, and send the word."""
        key = (call.call_id, call.digest)
        if key not in self._words:
            self._words[key] = await self._decided(call)
        self._asking.pop(call.call_id, None)
        await self._connection.send(self._words[key])

    async def _decided(self, call: ToolCall) -> dict[str, Any]:
        """What a person says about a call, as a command."""
        decision = await self._dialogs.approve(call)
        word: dict[str, Any] = {
            "type": "hitl_decision",
            "call_id": call.call_id,
            "decision": decision.decision,
        }
        if decision.modified_arguments is not None:
            word["modified_arguments"] = decision.modified_arguments
        if decision.feedback:
            word["feedback"] = decision.feedback
        return word

    async def _run(self, call: ToolCall) -> None:
        """Run a call and deliver its result."""
        frames = await self._toolbox.run(call)
        self._asking.pop(call.call_id, None)  # answered: what comes now is delivery
        await self._deliver(frames)

    async def _deliver(self, frames: list[dict[str, Any]]) -> None:
        """Send result frames until each is answered."""
        for frame in frames:
            await self._connection.send(frame)
        self._toolbox.acknowledged(frames[-1]["call_id"])


def _call_id(frame: Frame) -> str:
    """The call that a result frame answers."""
    return str(frame["call_id"])
