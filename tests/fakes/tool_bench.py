"""A workspace with a toolbox, and calls for it as the runtime would send them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from codelab_client.journal import Journal
from codelab_client.tools import Toolbox
from codelab_client.trail import OnStep, no_step
from codelab_client.workspace import Workspace
from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.patch.text import sha256_of
from codelab_core.protocol.events import ToolCall
from fakes.dialogs import ScriptedDialogs

Guard = dict[str, Any]


def tool_call(
    tool: str, /, call_id: str = "c1-1-0", guard: Guard | None = None, **arguments: Any
) -> ToolCall:
    """A call; its digest is that of tool, arguments and guard."""
    asked = json.dumps([tool, arguments, guard], sort_keys=True)
    return ToolCall(
        turn_id="t1",
        message_id="m1-1-0",
        call_id=call_id,
        tool_name=tool,
        arguments=arguments,
        requires_approval=False,
        digest=hashlib.sha256(asked.encode()).hexdigest(),
        guard=guard,
    )


def guard(*files: tuple[str, bytes | None, bytes | None]) -> Guard:
    """A guard for files given by path, content before and content after."""
    return {"files": [_file(*file) for file in files]}


def rename_guard(old_path: str, path: str, before: bytes, after: bytes) -> Guard:
    """A guard for one file that moves."""
    shas = {"pre_sha": sha256_of(before), "post_sha": sha256_of(after)}
    return {"files": [{"path": path, "old_path": old_path, "op": "rename", **shas}]}


def _file(path: str, before: bytes | None, after: bytes | None) -> dict[str, Any]:
    operation = "create" if before is None else "delete" if after is None else "modify"
    shas = {"pre_sha": sha256_of(before), "post_sha": sha256_of(after)}
    return {"path": path, "op": operation, **shas}


def answer_of(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """What a reader of the frames has in the end: `{"result": …}` or `{"error": …}`."""
    if "part" in frames[0]:
        return {"result": json.loads("".join(frame["chunk"] for frame in frames))}
    return {key: frames[0][key] for key in ("result", "error") if key in frames[0]}


class ToolBench:
    """One session in a workspace below `folder`; `restarted` is the same after a restart."""

    def __init__(self, folder: Path, *, on_step: OnStep = no_step, session: str = "s1") -> None:
        self.folder = folder
        self.root = folder / "workspace"
        self.root.mkdir(exist_ok=True)
        self.state = folder / "state"
        self.session = session
        self.dialogs = ScriptedDialogs()
        self.workspace = Workspace(self.root, on_step=on_step)
        self.journal = Journal(self.state, session, SYSTEM_CLOCK)
        self.toolbox = Toolbox(self.workspace, self.journal, self.dialogs, SYSTEM_CLOCK)

    def restarted(self, *, on_step: OnStep = no_step) -> "ToolBench":
        """A new client on the same disk."""
        return ToolBench(self.folder, on_step=on_step, session=self.session)

    def write(self, path: str, content: bytes | str) -> None:
        """Put a file into the workspace behind the toolbox's back."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def files(self) -> dict[str, bytes]:
        """All regular files of the workspace but those of git."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".git" not in path.parts
        }

    async def answer(self, call: ToolCall) -> dict[str, Any]:
        """The answer of a call."""
        return answer_of(await self.toolbox.run(call))

    async def ask(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """The answer of a new call."""
        return await self.answer(tool_call(tool, **arguments))

    async def code(self, tool: str, /, **arguments: Any) -> str:
        """The code of the error that a call ends with, empty for none."""
        error: dict[str, Any] = (await self.ask(tool, **arguments)).get("error", {})
        return str(error.get("code", ""))
