"""The hunks of a review, as a person sees them: number, place, diff, new text. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from codelab_core.patch.text import split_lf
from codelab_core.protocol.events import ToolCall


@dataclass(frozen=True, slots=True)
class Shown:
    """One hunk; `new_text` is its new side with the lines around it, as an edit replaces it."""

    hunk_id: str
    title: str
    diff: str
    new_text: str


def hunks_of(call: ToolCall) -> dict[int, Shown]:
    """The hunks of a review call by ordinal, in their order."""
    bodies = list(_bodies(str(call.arguments.get("diff", ""))))
    shown: dict[int, Shown] = {}
    for hunk in (call.review or {}).get("hunks", ()):
        number = hunk["ordinal"]
        body = bodies[number - 1] if number <= len(bodies) else ""
        title = f"{hunk['path']}:{hunk['new_start']}"
        if not body:
            title = f"{hunk['path']} (file)"
        shown[number] = Shown(hunk["hunk_id"], title, body, _new_side(body))
    return shown


def _bodies(diff: str) -> Iterator[str]:
    """The `@@` hunks of a canonical diff, each with its header, in their order."""
    body: list[str] = []
    for line in split_lf(diff):
        if line.startswith(("@@ ", "diff --git ")):
            if body:
                yield "".join(body)
            body = [line] if line.startswith("@@ ") else []
        elif body:
            body.append(line)
    if body:
        yield "".join(body)


def _new_side(body: str) -> str:
    """Context and added lines of a hunk."""
    lines = split_lf(body)[1:]
    return "".join(line[1:] for line in lines if line.startswith((" ", "+")))
