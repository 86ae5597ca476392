"""Answers given in advance, for one task without a person: `--approve all|none|1,3`."""

from dataclasses import dataclass
from typing import Any

from codelab_client.dialog_types import Decision
from codelab_core.protocol.events import ToolCall

REFUSAL = "Refused: this run approves only what --approve names."


@dataclass(frozen=True, slots=True)
class FixedAnswers:
    """The same answer to everything: all hunks, none, or those with these ordinals."""

    everything: bool
    ordinals: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "FixedAnswers":
        """`all`, `none`, or hunk numbers such as `1,3`. Raises `ValueError` for anything else."""
        if text in {"all", "none"}:
            return cls(everything=text == "all")
        numbers = frozenset(int(part) for part in text.split(","))
        if not numbers or min(numbers) < 1:
            raise ValueError("hunk numbers start at 1")
        return cls(everything=False, ordinals=numbers)

    async def review(self, call: ToolCall) -> dict[str, Any]:
        """Pick hunks by their ordinals."""
        hunks = (call.review or {}).get("hunks", [])
        choices = {
            hunk["hunk_id"]: {"decision": "apply" if self._picks(hunk["ordinal"]) else "refuse"}
            for hunk in hunks
        }
        picked = any(choice["decision"] == "apply" for choice in choices.values())
        return {"action": "apply", "hunks": choices} if picked else {"action": "cancel"}

    def _picks(self, ordinal: int) -> bool:
        """Whether a hunk is wanted."""
        return self.everything or ordinal in self.ordinals

    async def prompt(self, call: ToolCall) -> dict[str, Any]:
        """The first action offered means yes, the last one no, as in every dialog of ours."""
        actions = call.arguments["actions"]
        if not isinstance(actions, list):
            raise TypeError("actions is a list, by the tool's schema")
        return {"action": actions[0] if self.everything else actions[-1]}

    async def approve(self, call: ToolCall) -> Decision:  # noqa: ARG002 -- the answer is fixed
        """Yes to everything, or no."""
        if self.everything:
            return Decision("approve")
        return Decision("reject", feedback=REFUSAL)
