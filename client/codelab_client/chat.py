"""`codelab chat`: a line, a turn, a line."""

import asyncio
import signal
from typing import Final

from rich.console import Console

from codelab_client.agent_session import AgentSession, CommandRefusedError
from codelab_client.dialogs import Asker
from codelab_core.server import cancelled_at_end

HINT: Final = "Type what you want done; /quit or Ctrl-D leaves, Ctrl-C ends the turn."


async def chat_loop(session: AgentSession, console: Console, lines: Asker) -> int:
    """Read lines until the input ends; the exit code."""
    console.print(HINT, style="dim")
    while True:
        try:
            text = (await lines.line("> ")).strip()
        except (EOFError, KeyboardInterrupt):
            return 0
        if text in {"/quit", "/exit"}:
            return 0
        if text:
            await _turn(session, console, text)


async def _turn(session: AgentSession, console: Console, text: str) -> None:
    """One message to the end of its turn; Ctrl-C ends the turn, not the program."""
    loop = asyncio.get_running_loop()
    async with cancelled_at_end() as tasks:
        loop.add_signal_handler(signal.SIGINT, lambda: tasks.create_task(session.cancel()))
        try:
            await session.ask(text)
        except CommandRefusedError as refused:
            console.print(f"not accepted: {refused}", style="red", markup=False)
        finally:
            loop.remove_signal_handler(signal.SIGINT)
