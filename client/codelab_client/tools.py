"""The toolbox: a `tool_call` in, `tool_result` frames out; each call runs once."""

import logging
from typing import Any

from codelab_client.dialog_types import Dialogs
from codelab_client.effects import Effects, record_answer
from codelab_client.failures import from_os_error
from codelab_client.file_tools import read_file_tool, write_file_tool
from codelab_client.git import Git
from codelab_client.git_tools import git_diff_tool
from codelab_client.journal import CallKey, Journal
from codelab_client.outcomes import Answer, outcome
from codelab_client.patch_tools import apply_patch_tool
from codelab_client.path_locks import Claim, PathLocks
from codelab_client.prompt_tool import PromptTools
from codelab_client.recent import Recent
from codelab_client.result_parts import Frame, frames
from codelab_client.search_tools import SPECS, SearchTools, declaration
from codelab_client.threads import run_in_thread
from codelab_client.tool import Tool
from codelab_client.workspace import Workspace
from codelab_core.clock import Clock
from codelab_core.protocol.events import ToolCall
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import BUILT_IN

log = logging.getLogger(__name__)


class Toolbox:
    """Runs the calls of one session in one workspace."""

    def __init__(
        self, workspace: Workspace, journal: Journal, dialogs: Dialogs, clock: Clock
    ) -> None:
        git = Git(workspace.root)
        effects = Effects(workspace, journal)
        prompts = PromptTools(dialogs)
        search = SearchTools(workspace, git, clock)
        tools: tuple[Tool[Any], ...] = (
            read_file_tool(workspace),
            write_file_tool(effects),
            git_diff_tool(git),
            apply_patch_tool(effects),
            prompts.apply_patch_review(),
            prompts.prompt_user(),
            search.list_files(),
            search.search_in_code(),
        )
        self._tools = {tool.name: tool for tool in tools}
        self._journal = journal
        self._effects = effects
        self._recent = Recent()
        self._paths = PathLocks()
        self._calls = PathLocks()

    @property
    def declarations(self) -> list[str | dict[str, Any]]:
        """What `hello.tools` says: the names of the six, then the declared tools."""
        return [*BUILT_IN, *map(declaration, SPECS)]

    async def run(self, call: ToolCall) -> list[Frame]:
        """The frames to send for a call, without `cid`, one or several parts.

        The same call again gets the same answer, also while it is running, and after a restart if
        it writes or asks. Approval is the caller's business. Raises nothing but `CancelledError`;
        a write that had begun is complete and on record then.
        """
        key = CallKey(call.call_id, call.digest)
        async with self._calls.hold(Claim(writes=frozenset({"\0".join(key)}))):
            known = self._recent.get(key)
            if known is not None:
                return known
            answer = await self._answer(key, call)
            made = await run_in_thread(frames, call.call_id, answer)
            self._recent.keep(key, made)
            return made

    async def resume(self) -> list[Frame]:
        """Frames of answers on record that were never acknowledged, oldest first.

        For the start of a client: it also clears away what calls left that died. Raises nothing;
        a record that cannot be read has no answers.
        """
        try:
            return await run_in_thread(self._resume)
        except OSError:
            log.exception("record of calls not readable")
            return []

    def acknowledged(self, call_id: str) -> None:
        """The server has the answer of this call: it need not be sent again."""
        self._journal.acknowledge(call_id)
        self._recent.forget(call_id)

    def _resume(self) -> list[Frame]:
        """Blocking part of `resume`."""
        self._effects.sweep()
        self._journal.prune()
        return [
            frame
            for key, record in self._journal.unacknowledged().items()
            for frame in frames(key.call_id, record.answer or {})
        ]

    async def _answer(self, key: CallKey, call: ToolCall) -> Answer:
        """The answer on record, or that of a run now."""
        tool = self._tools.get(call.tool_name)
        if tool is None:
            message = f"There is no tool {call.tool_name!r}."
            facts = {"tool": call.tool_name, "available": list(self._tools)}
            return {"error": ToolError(ToolCode.TOOL_NOT_FOUND, message, **facts).to_wire()}
        if tool.kind == "read":
            return await outcome(tool, call, self._paths)
        return await self._once(tool, key, call)

    async def _once(self, tool: Tool[Any], key: CallKey, call: ToolCall) -> Answer:
        """As `_answer` for tools whose answers are kept; a write records its success itself."""
        try:
            record = await run_in_thread(self._journal.record, key)
        except OSError as error:
            return {"error": from_os_error(error, "the record of calls").to_wire()}
        if record.answer is not None:
            return record.answer
        answer = await outcome(tool, call, self._paths)
        if tool.kind == "prompt" or "error" in answer:
            await run_in_thread(record_answer, self._journal, key, answer)
        return answer
