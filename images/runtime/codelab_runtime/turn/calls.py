"""Which calls of one answer may run at the same time: what each reads and writes. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from codelab_core.paths import same_file_key
from codelab_runtime.offered import Offered
from codelab_runtime.turn.state import Call

MAX_IN_FLIGHT: Final = 8
TREE: Final = frozenset({"."})
"""The whole workspace."""

_HEADERS: Final = re.compile(
    r"^(?:(?:---|\+\+\+) (?:[ab]/)?|\*\*\* (?:Update|Add|Delete) File: |\*\*\* Move to: "
    r"|rename (?:from|to) )([^\t\n]+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Touch:
    """Keys of the paths that a call reads and writes; `question`: it asks a person."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    question: bool = False

    def conflicts_with(self, earlier: "Touch") -> bool:
        """Whether this call must wait for an earlier one that has no outcome yet."""
        if self.question and earlier.question:
            return True
        mine, theirs = self.reads | self.writes, earlier.reads | earlier.writes
        return _meet(self.writes, theirs) or _meet(mine, earlier.writes)


def _meet(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two sets of paths have one in common; the tree has all."""
    if not some or not others:
        return False
    return TREE in (some, others) or bool(some & others)


def touch(call: Call, offered: Offered | None) -> Touch:
    """What a call reads and writes, by its tool and its arguments."""
    if call.phase == "split":  # what it touches, its parts touch
        return Touch()
    known = _BUILT_IN.get(call.tool)
    if known:
        return known(call)
    return _declared_touch(call, offered) if offered else Touch()


def _declared_touch(call: Call, offered: Offered) -> Touch:
    """What a declared tool touches: the paths that it names, else the whole tree."""
    reads = _named(call.arguments, offered.reads)
    writes = _named(call.arguments, offered.writes)
    match offered.kind:
        case "prompt":
            return Touch(question=True)
        case "read":
            return Touch(reads=reads | writes or TREE)
    return Touch(reads=reads, writes=writes or TREE)


def releasable(calls: Sequence[Call], touches: Callable[[Call], Touch]) -> list[Call]:
    """Planned calls that conflict with no earlier call without outcome, at most 8 being open.

    Of the writes of one patch the first that is planned: they are asked for in their order.
    """
    room = MAX_IN_FLIGHT - sum(call.phase == "open" for call in calls)
    earlier: list[Touch] = []
    found: list[Call] = []
    begun: set[str] = set()
    for call in calls:
        if call.phase == "settled":
            continue
        if len(found) >= room:
            break
        mine = touches(call)
        is_next = call.phase == "planned" and call.parent not in begun
        if is_next and not any(mine.conflicts_with(other) for other in earlier):
            found.append(call)
        begun |= {call.parent} - {""} if call.phase == "planned" else set()
        earlier.append(mine)
    return found


def _keys(paths: Sequence[Any]) -> frozenset[str]:
    """Keys under which the same file of any file system collides; no path: the tree."""
    return frozenset(same_file_key(path) for path in paths if isinstance(path, str)) or TREE


def _patch_keys(call: Call) -> frozenset[str]:
    """The files of a patch: exact once it is placed, by its header lines before."""
    if call.guard:
        return _keys([file["path"] for file in call.guard["files"]])
    return _keys(_HEADERS.findall(str(call.arguments.get("diff", ""))))


def _named(arguments: Mapping[str, Any], names: Sequence[str]) -> frozenset[str]:
    """Keys of the paths in the named arguments, each a path or a list of paths."""
    paths: list[Any] = []
    for name in names:
        value = arguments.get(name)
        paths += value if isinstance(value, list) else [value]
    return frozenset(same_file_key(path) for path in paths if isinstance(path, str))


_BUILT_IN: Final[Mapping[str, Callable[[Call], Touch]]] = {
    "read_file": lambda call: Touch(reads=_keys([call.arguments.get("path")])),
    "write_file": lambda call: Touch(writes=_keys([call.arguments.get("path")])),
    "git.diff": lambda _: Touch(reads=TREE),
    "apply_patch": lambda call: Touch(writes=_patch_keys(call)),
    "apply_patch_review": lambda _: Touch(question=True),
    "prompt_user": lambda _: Touch(question=True),
}
