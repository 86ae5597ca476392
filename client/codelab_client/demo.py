"""`codelab demo`: the whole system on a small sample project, through the real WebSocket."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from codelab_client import sample
from codelab_client.chat import chat_loop
from codelab_client.dialog_types import Decision, Dialogs
from codelab_client.dialogs import TerminalDialogs
from codelab_client.hunks import hunks_of
from codelab_client.opening import Where, opened_session
from codelab_client.places import Gateway
from codelab_client.render import TerminalScreen, diff_text
from codelab_client.serving import introduce
from codelab_client.typing_lines import asker
from codelab_client.up import Options, stack
from codelab_core.observability import configure_logging
from codelab_core.protocol.events import ToolCall


async def run_demo(console: Console, *, interactive: bool) -> int:
    """Everything once; 0 only if the files changed exactly as approved, hunk by hunk."""
    configure_logging("ERROR")
    with tempfile.TemporaryDirectory(prefix="codelab-demo-") as folder:
        workspace = Path(folder) / "workspace"
        await sample.make_sample(workspace)
        options = Options(Path(folder) / "state", log_level="ERROR", scripted_only=True)
        async with stack(options) as running:
            introduce(running, console)
            gateway = Gateway(running.gateway_url, running.token)
            where = Where(Path(folder) / "client", workspace)
            console.print(f"\nA sample project is in {workspace}:", highlight=False)
            console.print("  " + "  ".join(sample.FILES), highlight=False)
            await _show_task(console, where, gateway)
            changed = await asyncio.to_thread(sample.is_changed, workspace)
            _conclude(console, changed=changed)
            if changed and interactive:
                await _talk(console, where, gateway)
    return 0 if changed else 1


async def _show_task(console: Console, where: Where, gateway: Gateway) -> None:
    """The task, as the terminal client does it."""
    console.print(Text(f"\n> {sample.TASK}", style="bold"))
    dialogs: Dialogs = DemoDialogs(console)
    async with opened_session(where, gateway, dialogs, TerminalScreen(console)) as session:
        await session.ask(sample.TASK)


async def _talk(console: Console, where: Where, gateway: Gateway) -> None:
    """A prompt on the same project."""
    lines = asker()
    dialogs = TerminalDialogs(console, lines)
    async with opened_session(where, gateway, dialogs, TerminalScreen(console)) as session:
        console.print("\nNow it is your turn, on the same project. Try: read src/app.py")
        await chat_loop(session, console, lines)


def _conclude(console: Console, *, changed: bool) -> None:
    """What came of it."""
    if changed:
        said = f"Done: both files use the new name, {sample.HISTORY} was left alone, as decided."
        console.print(Text(f"\n✓ {said}", style="green"))
    else:
        console.print(Text("\n✗ The files are not as approved.", style="red"))


@dataclass(frozen=True, slots=True)
class DemoDialogs:
    """Shows each question with the answer that the demo gives: all but the hunk of the history."""

    console: Console

    async def review(self, call: ToolCall) -> dict[str, Any]:
        """Pick every hunk but those that would rewrite history."""
        choices: dict[str, Any] = {}
        self.console.print(Text(str(call.arguments.get("message", "Proposed:")), style="bold"))
        for number, hunk in hunks_of(call).items():
            wanted = not hunk.title.startswith(sample.HISTORY)
            word = "applied" if wanted else "refused: history keeps its names"
            style = "bold green" if wanted else "bold red"
            self.console.print(Text(f"\n[{number}] {hunk.title} — {word}", style=style))
            self.console.print(diff_text(hunk.diff), end="")
            choices[hunk.hunk_id] = {"decision": "apply" if wanted else "refuse"}
        self.console.print()
        return {"action": "apply", "hunks": choices}

    async def prompt(self, call: ToolCall) -> dict[str, Any]:
        """The demo's task asks nothing; the first answer would do."""
        actions = call.arguments["actions"]
        return {"action": actions[0] if isinstance(actions, list) else str(actions)}

    async def approve(self, call: ToolCall) -> Decision:
        """The demo's task needs no approval: its one patch was reviewed."""
        return Decision("reject", feedback=f"not part of the demo: {call.tool_name}")
