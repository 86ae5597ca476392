"""Who must be asked before a call runs. Decided once, in the runtime, before delivery. Pure."""

from collections.abc import Iterable
from typing import Final, Literal

from codelab_core.approval_rules import ApprovalRule

Verdict = Literal["auto", "ask", "deny"]
_STRICTNESS: Final[tuple[Verdict, ...]] = ("auto", "ask", "deny")


def verdict(
    tool: str,
    kind: str | None,
    paths: tuple[str, ...],
    rules: Iterable[ApprovalRule],
    *,
    reviewed: bool,
) -> Verdict:
    """The first that applies: a rule of the owner; a patch just reviewed; reads and questions; ask.

    `kind` is that of the tool, `None` where its declaration does not say; `reviewed`: a person has
    just picked exactly this diff.
    """
    for rule in rules:
        if rule.covers(tool, paths):
            return rule.decision
    return "auto" if reviewed or kind in {"read", "prompt"} else "ask"


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """That of two which lets less happen."""
    return max(one, other, key=_STRICTNESS.index)
