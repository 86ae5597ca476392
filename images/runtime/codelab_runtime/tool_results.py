"""Results of tools on their way into the inbox: whole, or as the last of several pieces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.agent import ResultReceived
from codelab_core.protocol.commands import ToolResult
from codelab_runtime.commands import Inbox, Sender
from codelab_runtime.parts import Parts


@dataclass(frozen=True, slots=True)
class ToolResults:
    """Settles calls; the first result of a call wins."""

    inbox: Inbox
    parts: Parts

    async def receive(self, sender: Sender, result: ToolResult) -> ResultReceived:
        """Take a result, or keep a piece of one. Raises the refusals of docs/protocol.md."""
        if result.part:
            return await self._receive_piece(sender, result, is_last=result.part.last)
        fields = result.model_dump(include={"result", "error"})
        return await self._settle(sender, result.call_id, fields)

    async def _receive_piece(
        self, sender: Sender, piece: ToolResult, *, is_last: bool
    ) -> ResultReceived:
        """Keep a piece; the last one settles the call, however often it is sent."""
        before = await self.parts.accepted(sender) if is_last else None
        if before:
            await self.parts.drop(sender, piece)
            return ResultReceived(call_id=piece.call_id, duplicate=True, late=before.late)
        whole = await self.parts.take(sender, piece)
        if whole is None:
            return ResultReceived(call_id=piece.call_id)
        try:
            received = await self._settle(sender, piece.call_id, whole)
        except CodelabError as error:
            if error.code is Code.ALREADY_ANSWERED:  # they will never be wanted
                await self.parts.drop(sender, piece)
            raise
        await self.parts.drop(sender, piece)
        return received

    async def _settle(
        self, sender: Sender, call_id: str, fields: Mapping[str, Any]
    ) -> ResultReceived:
        """The outcome of a call, whole."""
        command = {"type": "tool_result", "call_id": call_id, **fields}
        outcome = "failed" if fields.get("error") is not None else "completed"
        entry = await self.inbox.put(sender, command, slot=call_id, outcome=outcome)
        return ResultReceived(call_id=call_id, duplicate=entry.duplicate, late=entry.late)
