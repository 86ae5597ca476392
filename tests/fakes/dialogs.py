"""A person made of prepared answers."""

import asyncio
from collections.abc import Mapping
from typing import Any

from codelab_client.dialog_types import Decision
from codelab_core.protocol.events import ToolCall


class ScriptedDialogs:
    """Answers each dialog with what is prepared for its call id, and remembers what was asked.

    A dialog without an answer stays open until its task is cancelled; `opened` is set by then.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[str] = []
        self.withdrawn: list[str] = []
        self.opened = asyncio.Event()

    async def review(self, call: ToolCall) -> dict[str, Any]:
        """The prepared result of a review."""
        result: dict[str, Any] = await self._answer(call)
        return result

    async def prompt(self, call: ToolCall) -> dict[str, Any]:
        """The prepared result of a question."""
        result: dict[str, Any] = await self._answer(call)
        return result

    async def approve(self, call: ToolCall) -> Decision:
        """The prepared decision."""
        decision: Decision = await self._answer(call)
        return decision

    async def _answer(self, call: ToolCall) -> Any:
        self.asked.append(call.call_id)
        self.opened.set()
        if call.call_id not in self.answers:
            try:
                await asyncio.Event().wait()
            finally:
                self.withdrawn.append(call.call_id)
        return self.answers[call.call_id]
