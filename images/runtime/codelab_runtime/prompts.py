"""What the model is told beside the history: system prompt per model family, and tools. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from codelab_runtime.offered import Offered

ROLE: Final = (
    "You are a coding agent. You work in the person's own workspace, only through the tools you are"
    " given; the person sees every change before it is made."
)
READING: Final = "Read a file before you change it."
REVIEWED: Final = (
    " Change existing files by apply_patch_review, so that the person can pick hunks, then call"
    " apply_patch with the filtered_diff that it returns"
)
PATCHED: Final = " Change existing files by apply_patch"
CREATED: Final = "; create new files by write_file"
PLACED: Final = (
    " Give each hunk enough unchanged lines around it that it fits in exactly one place."
)
WRITTEN: Final = " Write whole files by write_file."
MANNERS: Final = (
    " When a tool reports an error, read its message: it says what to do differently. A refusal by"
    " the person stands. Where a text says [… shortened: …], ask for the part that you need. When"
    " the work is done, say briefly what was changed."
)

FAMILY_HINTS: Final[Mapping[str, str]] = {
    "gpt": "Call tools in parallel when they do not depend on each other.",
    "claude": "Call several independent tools in one answer. Do not repeat file content in prose.",
    "llama": "Call one tool at a time. Answer with a tool call or with text, never with both.",
}


def system_prompt(family: str, tools: Collection[str]) -> str:
    """The system prompt for one model family and the tools at hand.

    An unknown family gets the common part.
    """
    text = f"{ROLE}\n\n{READING}{_editing(tools)}{MANNERS}"
    hint = FAMILY_HINTS.get(family)
    return f"{text}\n\n{hint}" if hint else text


def _editing(tools: Collection[str]) -> str:
    """How files are changed with these tools."""
    if "apply_patch" not in tools:
        return WRITTEN if "write_file" in tools else ""
    how = REVIEWED if "apply_patch_review" in tools else PATCHED
    return f"{how}{CREATED if 'write_file' in tools else ''}.{PLACED}"


def left_out(count: int) -> str:
    """What the system prompt adds where older messages are not sent."""
    if not count:
        return ""
    return (
        f"\n\nThe {count} oldest messages of this conversation are not shown, for want of room;"
        " read again what you need from them."
    )


def request_tools(offered: Mapping[str, Offered]) -> list[dict[str, Any]]:
    """The tools as the model may call them, in the driver's order."""
    return [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in offered.values()
    ]
