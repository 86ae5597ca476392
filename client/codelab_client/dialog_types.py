"""What the tools ask of a person; the terminal's screens and the tests' scripts answer it."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from codelab_core.protocol.events import ToolCall


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on a call that requires approval; `edit` brings the new arguments."""

    decision: Literal["approve", "edit", "reject"]
    modified_arguments: dict[str, Any] | None = None
    feedback: str | None = None


class Dialogs(Protocol):
    """Dialogs with the person. Each closes when its task is cancelled: it was answered elsewhere.

    A dialog that cannot be shown raises `ToolError` `TOOL_FAILED`.
    """

    async def review(self, call: ToolCall) -> dict[str, Any]:
        """The result of `apply_patch_review`: `action`, and `hunks` with a decision each."""

    async def prompt(self, call: ToolCall) -> dict[str, Any]:
        """The result of `prompt_user`: an offered `action`, or `text` with what was typed."""

    async def approve(self, call: ToolCall) -> Decision:
        """Whether the call may run, and with which arguments."""
