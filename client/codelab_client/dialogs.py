"""Questions in a terminal: review hunk by hunk, approval of a call, an answer to the model."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from rich.console import Console
from rich.text import Text

from codelab_client.dialog_types import Decision
from codelab_client.hunks import Shown, hunks_of
from codelab_client.render import call_summary, diff_text
from codelab_core.protocol.events import ToolCall

HELP: Final = (
    "y  all hunks      n  none      1,3  these      1-3  a range\n"
    "e2  edit hunk 2 (give several: 1,e2)      m TEXT  tell the model why, then choose"
)
_CHOICE: Final = re.compile(r"^(e?)(\d+)(?:-(\d+))?$")


class Asker(Protocol):
    """Where a person types."""

    async def line(self, prompt: str) -> str:
        """One line. Raises `EOFError` when there will be no more."""

    async def text(self, prompt: str, default: str) -> str:
        """Several lines, starting from `default`. Raises `EOFError`."""


class TerminalDialogs:
    """One question at a time on one terminal; a closed input means no."""

    def __init__(self, console: Console, asker: Asker) -> None:
        self._console = console
        self._asker = asker
        self._turn = asyncio.Lock()

    async def review(self, call: ToolCall) -> dict[str, Any]:
        """Show the hunks with their numbers, and ask which to apply."""
        async with self._turn:
            hunks = hunks_of(call)
            self._show_hunks(call, hunks)
            return await self._choose(hunks)

    def _show_hunks(self, call: ToolCall, hunks: Mapping[int, Shown]) -> None:
        """The proposal."""
        message = call.arguments.get("message")
        self._console.print()
        self._console.print(Text(str(message or "Proposed changes:"), style="bold"))
        for number, hunk in hunks.items():
            self._console.print(Text(f"\n[{number}] {hunk.title}", style="bold magenta"))
            self._console.print(diff_text(hunk.diff), end="")

    async def _choose(self, hunks: Mapping[int, Shown]) -> dict[str, Any]:
        """Ask until the answer can be used."""
        said: dict[str, Any] = {}
        while True:
            try:
                line = await self._asker.line(f"Apply which of {len(hunks)}? [y/n/1,3/?] ")
            except EOFError:
                return {"action": "cancel"}
            answer = line.strip()
            if answer.startswith("m "):
                said = {"message": answer[2:].strip()}
                continue
            chosen = parse_choice(answer, hunks)
            if chosen is None:
                self._console.print(HELP, markup=False, highlight=False)
                continue
            return {**await self._selection(chosen, hunks), **said}

    async def _selection(
        self, chosen: Mapping[int, bool], hunks: Mapping[int, Shown]
    ) -> dict[str, Any]:
        """The result of the review; hunks to be edited are opened one after the other."""
        if not chosen:
            return {"action": "cancel"}
        decisions: dict[str, Any] = {}
        for number, hunk in hunks.items():
            if number not in chosen:
                decisions[hunk.hunk_id] = {"decision": "refuse"}
            elif chosen[number]:
                text = await self._asker.text(f"[{number}] new text: ", hunk.new_text)
                decisions[hunk.hunk_id] = {"decision": "edit", "new_text": text}
            else:
                decisions[hunk.hunk_id] = {"decision": "apply"}
        return {"action": "apply", "hunks": decisions}

    async def prompt(self, call: ToolCall) -> dict[str, Any]:
        """Show the question with numbered answers."""
        async with self._turn:
            actions = [str(action) for action in _list(call.arguments.get("actions"))]
            self._console.print(Text(f"\n{call.arguments['message']}", style="bold"))
            for number, action in enumerate(actions, 1):
                self._console.print(f"  [{number}] {action}", markup=False, highlight=False)
            free = call.arguments.get("allow_text") is True
            while True:
                answer = (await self._asker.line("Your answer: ")).strip()
                if answer.isdecimal() and 1 <= int(answer) <= len(actions):
                    return {"action": actions[int(answer) - 1]}
                if answer in actions:
                    return {"action": answer}
                if free and answer:
                    return {"action": "text", "text": answer}

    async def approve(self, call: ToolCall) -> Decision:
        """Show what a call would do, and ask."""
        async with self._turn:
            self._console.print(Text(f"\n{_title(call)}", style="bold"))
            diff = call.arguments.get("diff")
            if isinstance(diff, str):
                self._console.print(diff_text(diff), end="")
            elif isinstance(call.arguments.get("content"), str):
                self._console.print(str(call.arguments["content"]), markup=False, highlight=False)
            try:
                answer = (await self._asker.line("Run it? [y/n, or why not] ")).strip()
            except EOFError:
                return Decision("reject")
            if answer.lower() in {"y", "yes"}:
                return Decision("approve")
            reason = answer if answer.lower() not in {"n", "no", ""} else None
            return Decision("reject", feedback=reason)


def parse_choice(answer: str, hunks: Mapping[int, Shown]) -> dict[int, bool] | None:
    """The hunks named, each with whether it is to be edited; `None` for what is no choice."""
    if answer.lower() in {"y", "yes", "a", "all"}:
        return dict.fromkeys(hunks, False)
    if answer.lower() in {"n", "no", "none"}:
        return {}
    parts = [_CHOICE.match(part) for part in re.split(r"[,\s]+", answer.strip(", "))]
    chosen: dict[int, bool] = {}
    for match in parts:
        first = int(match[2]) if match else 0  # no hunk has number 0
        last = int(match[3] or first) if match else 0
        chosen |= dict.fromkeys(range(first, last + 1), bool(match and match[1]))
    return chosen if chosen and set(chosen) <= set(hunks) else None


def _title(call: ToolCall) -> str:
    """What is asked, on one line."""
    return call.reason or call_summary(call.tool_name, call.arguments)


def _list(value: Any) -> list[Any]:
    """A list, empty for anything else."""
    return value if isinstance(value, list) else []
