"""`prompt_user` and `apply_patch_review`: a person answers, nothing is changed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from codelab_client.dialog_types import Dialogs
from codelab_client.path_locks import Claim
from codelab_client.tool import Job, Result, Tool
from codelab_core.protocol.events import ToolCall
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import (
    BUILT_IN,
    ApplyPatchReviewArguments,
    Arguments,
    PromptUserArguments,
)


class PromptTools:
    """The two tools that ask; one dialog at a time, first come first."""

    def __init__(self, dialogs: Dialogs) -> None:
        self._dialogs = dialogs
        self._one_open = asyncio.Lock()

    def prompt_user(self) -> Tool[PromptUserArguments]:
        """A question with offered answers."""

        async def run(job: Job[PromptUserArguments]) -> Result:
            result = await self._ask(self._dialogs.prompt, job.call)
            _check_choice(job.arguments, result)
            return result

        return _asking("prompt_user", PromptUserArguments, run)

    def apply_patch_review(self) -> Tool[ApplyPatchReviewArguments]:
        """The choice of hunks of a patch."""

        async def run(job: Job[ApplyPatchReviewArguments]) -> Result:
            result = await self._ask(self._dialogs.review, job.call)
            if result.get("action") not in {"apply", "cancel"}:
                raise _unfit(result)
            return result

        return _asking("apply_patch_review", ApplyPatchReviewArguments, run)

    async def _ask(
        self, dialog: Callable[[ToolCall], Coroutine[Any, Any, Result]], call: ToolCall
    ) -> Result:
        """The person's answer."""
        async with self._one_open:
            return await dialog(call)


def _asking[A: Arguments](
    name: str, arguments: type[A], run: Callable[[Job[A]], Coroutine[Any, Any, Result]]
) -> Tool[A]:
    """A tool that touches no file and whose answer is kept."""
    return Tool(
        name,
        "prompt",
        arguments,
        BUILT_IN[name].timeout_ms,
        claim=lambda _job: Claim(),
        run=run,
    )


def _check_choice(arguments: PromptUserArguments, result: Result) -> None:
    """Raise `TOOL_FAILED` for an answer that was not offered."""
    offered = result.get("action") in arguments.actions
    typed = result.get("action") == "text" and isinstance(result.get("text"), str)
    if not offered and not (typed and arguments.allow_text):
        raise _unfit(result)


def _unfit(result: Result) -> ToolError:
    """The dialog broke its word."""
    message = f"The dialog answered {result.get('action')!r}, which was not offered."
    return ToolError(ToolCode.TOOL_FAILED, message)
