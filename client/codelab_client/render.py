"""How a session looks in a terminal: text as it comes, one line per tool, diffs in colour."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from codelab_core.patch.text import split_lf

Frame = Mapping[str, Any]

DIFF_STYLES: Final = (
    ("+++", "bold"),
    ("---", "bold"),
    ("diff ", "bold"),
    ("@@", "cyan"),
    ("+", "green"),
    ("-", "red"),
)
OUTCOME_MARKS: Final = {
    "completed": ("✓", "green"),
    "approved": ("✓", "green"),
    "edited": ("✎", "green"),
    "failed": ("✗", "red"),
    "rejected": ("✗", "red"),
    "timed_out": ("⏱", "red"),
    "cancelled": ("∅", "yellow"),
}
MAX_SHOWN: Final = 72


def diff_text(diff: str) -> Text:
    """A diff with its lines coloured; line ends other than LF are made visible."""
    text = Text()
    for line in split_lf(diff):
        shown = line.rstrip("\r\n")
        mark = "␍" if line.endswith("\r\n") else ""
        style = next((style for prefix, style in DIFF_STYLES if shown.startswith(prefix)), "")
        text.append(f"{shown}{mark}\n", style=style)
    return text


def call_summary(tool: str, arguments: Mapping[str, Any]) -> str:
    """A call on one line: the tool, and what it is about."""
    match tool, arguments:
        case "read_file" | "write_file", {"path": path}:
            detail = str(path)
        case "apply_patch" | "apply_patch_review", {"diff": str(diff)}:
            detail = ", ".join(dict.fromkeys(_diff_paths(diff)))
        case "prompt_user", {"message": message}:
            detail = str(message)
        case _:
            detail = ", ".join(f"{name}={value}" for name, value in arguments.items())
    shown = detail if len(detail) <= MAX_SHOWN else f"{detail[: MAX_SHOWN - 1]}…"
    return f"{tool} {shown}".rstrip()


def _diff_paths(diff: str) -> Iterator[str]:
    """Paths that a canonical diff touches."""
    for line in split_lf(diff):
        if line.startswith("diff --git "):
            yield line.rstrip("\n").rpartition(" b/")[2]


class TerminalScreen:
    """Prints frames; text tokens go out as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._calls: dict[str, str] = {}
        self._in_text = False

    def show(self, frame: Frame) -> None:
        """One frame."""
        match frame["type"]:
            case "assistant_message" if frame["token"]:
                self._console.print(frame["token"], end="", markup=False, highlight=False)
                self._in_text = True
            case "tool_call":
                summary = call_summary(frame["tool_name"], frame["arguments"])
                self._calls[frame["call_id"]] = summary
            case "tool_resolved":
                self._resolved(frame)
            case "error":
                self._line(f"error {frame['code']}: {frame['message']}", "red")
            case "message_retracted" if frame["reason"] == "regenerated":
                self._line("[the answer starts again]", "yellow")
            case "turn_completed":
                self._completed(frame)
            case "status" if frame["state"] == "degraded":
                self._line("the connection to the agent is interrupted; waiting …", "yellow")

    def _resolved(self, frame: Frame) -> None:
        """One line when a call is over."""
        summary = self._calls.get(frame["call_id"])
        if summary is None or (frame["phase"] == "decision" and frame["outcome"] == "approved"):
            return
        mark, style = OUTCOME_MARKS[frame["outcome"]]
        code = f"  {frame['code']}" if "code" in frame else ""
        self._line(f"{mark} {summary}{code}", style)

    def _completed(self, frame: Frame) -> None:
        """End of a turn: silence when all is well."""
        if self._in_text:
            self._console.print()
            self._in_text = False
        if frame["reason"] != "completed":
            self._line(f"[turn {frame['reason']}]", "yellow")

    def _line(self, text: str, style: str) -> None:
        """A line of its own, also in the middle of a text."""
        if self._in_text:
            self._console.print()
            self._in_text = False
        self._console.print(Text(text, style=style))


class SilentScreen:
    """Shows nothing: for programs."""

    def show(self, frame: Frame) -> None:
        """Nothing."""
