"""Files that repeat a block, and patches meant for some of the copies.

Each case is thrown from its number, so that all runs see the same ones. Left out is what nobody
could tell: a patch for an older text that by now fits the file in one other place.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

NAME: Final = "file.txt"
BODY: Final = tuple(f"    step {number}" for number in range(10))
REACH: Final = 6
"""Edits are in the first six lines of a copy, so that six lines of context show its head."""
HEADS: Final = {
    "functions": "def handler_{}(source, total):",
    "methods": "  def run_{}(self):",
    "cases": "case {}:",
    "sections": "[section {}]",
    "blanks": ".rule-{} {{",
    "nested": '"item {}": {{',
    "tests": 'it("does thing {}", () => {{',
    "markdown": "## Step {}",
    "twins": "def handler(source, total):",
    "bare": None,
}
"""The line before each copy, by layout: the same for `twins`, none for `bare` copies.

`nested` copies differ in their indent, and every second one of `blanks` in trailing ones.
"""
ALIKE: Final = {"twins", "bare"}
PLAIN, DROPPED, COUNTS, GARBLED, TWICE, BEFORE, AFTER, OLDER = (
    "plain",
    "middle hunk dropped",
    "wrong counts",
    "wrong context line",
    "sent twice",
    "changed before the read",
    "changed after the read",
    "older text remembered",
)
VARIANTS: Final = (PLAIN, DROPPED, COUNTS, GARBLED, TWICE, BEFORE, AFTER, OLDER)
PERSON: Final = "    another step"

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines `start` to before `end` give way to `new`."""

    start: int
    end: int
    new: Lines


@dataclass(frozen=True, slots=True)
class Case:
    """What the model thinks the file is (`seen`), what it read (`base`), what is there (`disk`)."""

    layout: str
    variant: str
    seen: Lines
    base: Lines
    disk: Lines
    edits: tuple[Edit, ...]
    offset: int
    context: int = 3

    def blocks(self) -> Iterator[tuple[Edit, int, int]]:
        """Each edit with the first line of its hunk and the line behind the last one."""
        for edit in self.edits:
            end = min(edit.end + self.context, len(self.seen))
            yield edit, max(edit.start - self.context, 0), end

    def diff(self) -> str:
        """The patch that the model sends."""
        text = [f"--- a/{NAME}\n+++ b/{NAME}\n"]
        for edit, first, end in self.blocks():
            before = [f" {line}" for line in self.seen[first : edit.start]]
            if self.variant == GARBLED and before:
                before[0] += " (as I remember it)"
            gone = [f"-{line}" for line in self.seen[edit.start : edit.end]]
            after = [f" {line}" for line in self.seen[edit.end : end]]
            rows = [*before, *gone, *(f"+{line}" for line in edit.new), *after]
            start = max(first + 1 + self.offset, 1)
            old = end - first + (7 if self.variant == COUNTS else 0)
            new = len(rows) - len(gone)
            text += [f"@@ -{start},{old} +{start},{new} @@\n", *(f"{row}\n" for row in rows)]
        return "".join(text)

    def right(self, lines: Lines) -> bytes | None:
        """`lines` as they have to be afterwards; `None` where only a refusal is right."""
        if self.variant == OLDER or (lines != self.seen and self.disputed):
            return None
        return joined(edited(lines, self.edits))

    @property
    def disputed(self) -> bool:
        """Whether the person changed a line that the patch is about."""
        changed = [self.disk[at] != line for at, line in enumerate(self.seen)]
        return any(changed[first:end].count(True) for _, first, end in self.blocks())


def edited(lines: Lines, edits: Sequence[Edit]) -> Lines:
    """The lines with the edits made, which are in order."""
    result = list(lines)
    for edit in reversed(edits):
        result[edit.start : edit.end] = edit.new
    return tuple(result)


def joined(lines: Lines) -> bytes:
    """The bytes of lines."""
    return "".join(f"{line}\n" for line in lines).encode()


def file_of(layout: str, dice: random.Random) -> tuple[Lines, list[int]]:
    """A file of three to eight copies, and the first line of each."""
    lines = [f"header {number}" for number in range(dice.randrange(200))]
    copies: list[int] = []
    for number in range(3 + dice.randrange(6)):
        head = HEADS[layout]
        lines += [] if head is None else [head.format(number)]
        copies.append(len(lines))
        indent = "  " * number if layout == "nested" else ""
        tail = " " if layout == "blanks" and number % 2 else ""
        lines += [f"{indent}{line}{tail}" for line in BODY]
    lines += [f"footer {number}" for number in range(dice.randrange(9))]
    return tuple(lines), copies


def edit_at(lines: Lines, at: int, kind: int) -> Edit:
    """A line replaced, added before it, or taken out."""
    new = ((f"{lines[at]}  # changed",), ("    added()", lines[at]), ())[kind]
    return Edit(at, at + 1, new)


def case(number: int) -> Case:
    """Case `number`: every layout meets every variant, the rest is thrown."""
    layout = list(HEADS)[number % len(HEADS)]
    variant = VARIANTS[number // len(HEADS) % len(VARIANTS)]
    dice = random.Random(number)  # noqa: S311 - the same cases in every run, nothing secret
    while True:
        lines, copies = file_of(layout, dice)
        mine = copies[dice.randrange(len(copies))]
        person = edited(lines, [Edit(mine, mine + 1, (PERSON,))])
        seen = person if variant == BEFORE else lines
        meant = [copies[0], copies[-1]] if variant == DROPPED else [mine]
        line, kind = dice.randrange(REACH), dice.randrange(3)
        edits = tuple(edit_at(seen, start + line, kind) for start in meant)
        base = person if variant == OLDER else seen
        disk = person if variant in {BEFORE, AFTER, OLDER} else seen
        offset = dice.randrange(401) - 200 if dice.randrange(4) else 0
        thrown = Case(layout, variant, seen, base, disk, edits, offset)
        if variant != OLDER or (thrown.disputed and not _fits_once(thrown)):
            return thrown


def _fits_once(thrown: Case) -> bool:
    """Whether the patch's block stands in one place of the base, blanks counted or not."""
    ((_, first, end),) = thrown.blocks()
    for alike in (str, str.strip):
        block, base = ([alike(line) for line in lines] for lines in (thrown.seen, thrown.base))
        starts = range(len(base) - (end - first) + 1)
        if sum(base[at : at + end - first] == block[first:end] for at in starts) == 1:
            return True
    return False
