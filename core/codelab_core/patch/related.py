"""Hunks that belong together: one adds a name, the other uses it. Shown, never enforced. Pure."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from codelab_core.patch.canonical import CanonicalHunk

RELATED_MAX: Final = 50

_NAME: Final = re.compile(r"[^\W\d]\w{2,}")
_DEFINITION: Final = re.compile(
    r"\b(?:def|class|function|func|fn|fun|sub|const|let|var|val|type|struct|enum|trait|interface"
    r"|module|import|as|define)\s+([^\W\d]\w{2,})|([^\W\d]\w{2,})\s*(?::[^=:]+)?:?=(?!=)"
)


def related(hunks: Sequence[CanonicalHunk]) -> list[list[int]]:
    """For each hunk the positions of its relatives, rising, 50 at most.

    A hunk adds a name that its added lines define and no old line of the patch has; its relatives
    are those whose added lines use it, and the other way round.
    """
    known = {name for hunk in hunks for line in hunk.old for name in _NAME.findall(line)}
    users: defaultdict[str, set[int]] = defaultdict(set)
    definers: defaultdict[str, set[int]] = defaultdict(set)
    for position, hunk in enumerate(hunks):
        for row in hunk.rows:
            if row[0] == "+":
                for name in _NAME.findall(row, 1):
                    users[name].add(position)
                for first, second in _DEFINITION.findall(row, 1):
                    definers[first or second].add(position)
    found: list[set[int]] = [set() for _ in hunks]
    for name in definers.keys() - known:
        _join(found, definers[name], users[name])
    return [
        sorted(relatives - {position})[:RELATED_MAX] for position, relatives in enumerate(found)
    ]


def _join(found: list[set[int]], definers: set[int], users: set[int]) -> None:
    """Make definers and users of a name relatives of each other; a name all use tells nothing."""
    if len(definers) * len(users) <= RELATED_MAX * RELATED_MAX:
        for definer in definers:
            found[definer] |= users
            for user in users:
                found[user].add(definer)
