"""Groups the diffs of files into patches of bounded size, and keeps count of them. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from codelab_llmproxy.scripted.diffs import FileDiff

MAX_FILES: Final = 20
MAX_HUNKS: Final = 1_000
MAX_PLACED: Final = 200
"""Places that the patch tools take."""
MAX_PATCH_BYTES: Final = 40_000
"""A longer result of a review would be shown to the model with its middle cut out."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The diff of one file in a patch; `placed`: its hunks go where their lines are counted."""

    diff: FileDiff
    placed: bool = False

    @property
    def path(self) -> str:
        """The file."""
        return self.diff.path


@dataclass(frozen=True, slots=True)
class Patch:
    """Files proposed together."""

    proposals: tuple[Proposal, ...]

    @property
    def text(self) -> str:
        """The whole diff."""
        return "".join(proposal.diff.text for proposal in self.proposals)

    @property
    def hunks(self) -> int:
        """How many hunks it has."""
        return sum(len(proposal.diff.places) for proposal in self.proposals)

    @property
    def is_long(self) -> bool:
        """Whether the model would not be shown the whole of it in a result."""
        return len(orjson.dumps(self.text)) > MAX_PATCH_BYTES

    def without(self, other: "Patch") -> "Patch":
        """What it has of files that the other has nothing of."""
        paths = {proposal.path for proposal in other.proposals}
        return Patch(tuple(p for p in self.proposals if p.path not in paths))

    def arguments(self) -> dict[str, Any]:
        """Arguments that propose it; hunks count from 1 over all files."""
        places = [(p.placed, line) for p in self.proposals for line in p.diff.places]
        at = [
            {"hunk": hunk, "line": line} for hunk, (placed, line) in enumerate(places, 1) if placed
        ]
        return {"diff": self.text} | ({"at": at[:MAX_PLACED]} if at else {})


@dataclass(slots=True)
class Report:
    """What became of a change: hunks applied of hunks proposed, files, and what was left out."""

    applied: int = 0
    proposed: int = 0
    files: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    ended: str = ""
    """Why nothing more was tried: `cancel`, or a sentence."""


def patches(diffs: Iterable[FileDiff]) -> Iterator[Patch]:
    """Patches of at most 20 files, 1,000 hunks and 40 kB of JSON; one file is never cut in two."""
    group: list[Proposal] = []
    size = hunks = 0
    for diff in diffs:
        length = len(orjson.dumps(diff.text))
        is_full = size + length > MAX_PATCH_BYTES or hunks + len(diff.places) > MAX_HUNKS
        if group and (is_full or len(group) == MAX_FILES):
            yield Patch(tuple(group))
            group, size, hunks = [], 0, 0
        group.append(Proposal(diff))
        size, hunks = size + length, hunks + len(diff.places)
    if group:
        yield Patch(tuple(group))


def count_hunks(diff: str) -> int:
    """The number of hunks in a diff."""
    return sum(line.startswith("@@ ") for line in diff.split("\n"))
