"""What a person chose from a review. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

from codelab_core.patch.prepared import ReviewHunk
from codelab_core.tool_errors import ToolCode, ToolError

Decision = Literal["apply", "refuse", "lines", "edit"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The decision on one hunk.

    `lines` are positions in the hunk's rows below its `@@` line, from 0, context counted, notes on
    a missing newline not: each must be a `+` or `-` row. `new_text` replaces all that the hunk
    would leave there, context included.
    """

    decision: Decision
    lines: tuple[int, ...] = ()
    new_text: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Choices by hunk id, or ordinals as clients send them that know no ids. The rest is refused.

    With ordinals, what is done to a file beside its lines goes with any hunk of the file, and with
    the patch when all hunks are taken.
    """

    choices: Mapping[str, Choice] = field(default_factory=dict)
    ordinals: frozenset[int] | None = None

    @classmethod
    def from_wire(cls, result: Mapping[str, Any]) -> Self:
        """Read the result of a review: `hunks`, else `chunks_selected`, else nothing is chosen.

        Raises `INVALID_ARGUMENTS` {errors}. A `filtered_diff` is for the caller to look at.
        """
        if result.get("action") == "cancel":
            return cls()
        hunks, ordinals = result.get("hunks"), result.get("chunks_selected")
        if hunks is not None:
            return cls({hunk_id: _choice(hunk_id, choice) for hunk_id, choice in hunks.items()})
        return cls(ordinals=None if ordinals is None else frozenset(ordinals))


def _choice(hunk_id: str, wire: Mapping[str, Any]) -> Choice:
    """One entry of `hunks`."""
    match wire:
        case {"decision": "apply" | "refuse" as plain}:
            return Choice(plain, reason=wire.get("reason"))
        case {"decision": "lines", "lines": [*lines]}:
            return Choice("lines", lines=tuple(lines), reason=wire.get("reason"))
        case {"decision": "edit", "new_text": str(text)}:
            return Choice("edit", new_text=text, reason=wire.get("reason"))
    raise invalid_choice(f"The choice for hunk {hunk_id} is none of apply, refuse, lines, edit.")


def invalid_choice(message: str) -> ToolError:
    """`INVALID_ARGUMENTS` for a selection that does not fit the patch."""
    return ToolError(ToolCode.INVALID_ARGUMENTS, message, errors=[message])


_APPLY: Final = Choice("apply")
_REFUSE: Final = Choice("refuse")


def resolve(hunks: Sequence[ReviewHunk], selection: Selection) -> dict[str, Choice]:
    """The choice for each hunk, by id. Raises `INVALID_ARGUMENTS` for one that does not exist."""
    ids = {hunk.hunk_id for hunk in hunks}
    if not selection.choices.keys() <= ids:
        raise invalid_choice("The selection names a hunk that is not in the patch.")
    if selection.ordinals is None:
        return {hunk_id: selection.choices.get(hunk_id, _REFUSE) for hunk_id in ids}
    if not selection.ordinals <= {hunk.ordinal for hunk in hunks}:
        raise invalid_choice("The selection names a chunk that is not in the patch.")
    lines = {hunk.ordinal: hunk.path for hunk in hunks if hunk.subject == "lines"}
    paths = {path for ordinal, path in lines.items() if ordinal in selection.ordinals}
    complete = bool(lines) and lines.keys() <= selection.ordinals
    return {
        hunk.hunk_id: _APPLY
        if hunk.ordinal in selection.ordinals
        or (hunk.subject != "lines" and (complete or hunk.path in paths))
        else _REFUSE
        for hunk in hunks
    }
