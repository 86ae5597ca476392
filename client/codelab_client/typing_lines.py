"""Where a person types: an editable line on a terminal, plain lines where there is none."""

import asyncio
import sys

from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout


class TerminalAsker:
    """Editable input with history; output that comes meanwhile is printed above it."""

    def __init__(self) -> None:
        self._session: PromptSession[str] = PromptSession()

    async def line(self, prompt: str) -> str:
        """One line. Raises `EOFError` at Ctrl-D, `KeyboardInterrupt` at Ctrl-C."""
        with patch_stdout(raw=True):
            return await self._session.prompt_async(prompt, handle_sigint=False)

    async def text(self, prompt: str, default: str) -> str:
        """Several lines; Esc then Enter ends them."""
        hint = f"{prompt}(Esc, then Enter ends)\n"
        with patch_stdout(raw=True):
            return await self._session.prompt_async(
                hint, default=default, multiline=True, handle_sigint=False
            )


class PlainAsker:
    """Lines of standard input, for pipes and dumb terminals."""

    async def line(self, prompt: str) -> str:
        """One line. Raises `EOFError` at the end of the input."""
        sys.stdout.write(prompt)
        sys.stdout.flush()
        line: str = await asyncio.to_thread(sys.stdin.readline)
        if not line:
            raise EOFError
        return line.rstrip("\n")

    async def text(self, prompt: str, default: str) -> str:
        """Lines up to a single `.`; none keeps the default."""
        lines: list[str] = []
        while (line := await self.line(f"{prompt}(a single . ends) ")) != ".":
            lines.append(f"{line}\n")
        return "".join(lines) or default


def asker() -> TerminalAsker | PlainAsker:
    """The best input there is."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return TerminalAsker() if is_terminal else PlainAsker()
