"""The rows of one canonical hunk after a person chose some of them or wrote others. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from codelab_core.patch.align import changes
from codelab_core.patch.canonical import CanonicalHunk
from codelab_core.patch.edits import Edit
from codelab_core.patch.selection import invalid_choice
from codelab_core.patch.text import BOM, end_of, split_lf, without_end


def chosen_rows(hunk: CanonicalHunk, chosen: Sequence[int]) -> list[str]:
    """The hunk with some of its changes only: a `-` that is not chosen stays, a `+` is dropped.

    Raises `INVALID_ARGUMENTS` for a position that is no changed row.
    """
    wanted = set(chosen)
    if not wanted <= {at for at, row in enumerate(hunk.rows) if row[0] != " "}:
        raise invalid_choice("A chosen line is no + or - line of its hunk.")
    kept = (row if at in wanted else " " + row[1:] for at, row in enumerate(hunk.rows))
    dropped = {at for at, row in enumerate(hunk.rows) if row[0] == "+"} - wanted
    return _closed([row for at, row in enumerate(kept) if at not in dropped], hunk)


def edited_rows(hunk: CanonicalHunk, new_text: str) -> list[str]:
    """The hunk with another new side; lines that were there before keep their bytes.

    New lines end as the hunk's lines do. The last one lacks its newline only where the proposed
    one did, and the text has none either.
    """
    new = _in_style(hunk, new_text)
    old = hunk.old
    rows: list[str] = []
    at = 0
    for start, end, new_start, new_end in changes(_texts(old), _texts(new)):
        rows += [" " + line for line in old[at:start]]
        rows += ["-" + line for line in old[start:end]]
        rows += ["+" + line for line in new[new_start:new_end]]
        at = end
    return _closed([*rows, *(" " + line for line in old[at:])], hunk)


def edits_of_rows(hunk: CanonicalHunk, rows: Sequence[str]) -> Iterator[Edit]:
    """What the rows change, from the line where the hunk begins."""
    at = hunk.start
    for changed, group in groupby(rows, lambda row: row[0] != " "):
        run = list(group)
        gone = sum(row[0] != "+" for row in run)
        if changed:
            new = tuple(row[1:] for row in run if row[0] == "+")
            yield Edit(at, at + gone, new, hunk.level)
        at += gone


def _texts(lines: Sequence[str]) -> list[str]:
    """Lines as a person sees them: the kind of end is nothing, having none is something."""
    return [without_end(line) + "\n" * bool(end_of(line)) for line in lines]


def _in_style(hunk: CanonicalHunk, new_text: str) -> list[str]:
    """A person's text as lines with the ends, and the BOM, that the hunk has."""
    shown = "".join(hunk.old) + "".join(hunk.new)
    if "\r" in shown and "\n" not in shown:  # lines end at CR, git sees one line
        return [new_text.replace("\r\n", "\n").replace("\n", "\r")]
    usual = _usual_end(hunk)
    lines = [without_end(line) + usual for line in split_lf(new_text)]
    bare = bool(hunk.new) and not end_of(hunk.new[-1])
    if lines and bare and not new_text.endswith("\n"):
        lines[-1] = without_end(lines[-1])
    if lines and hunk.new and hunk.new[0].startswith(BOM):
        lines[0] = BOM + lines[0].removeprefix(BOM)
    return lines


def _usual_end(hunk: CanonicalHunk) -> str:
    """The line end of the hunk's first line that has one."""
    return next(filter(None, map(end_of, (*hunk.old, *hunk.new))), "\n")


def _closed(rows: Sequence[str], hunk: CanonicalHunk) -> list[str]:
    """The rows such that every line but the last of the new side has an end."""
    last = max((at for at, row in enumerate(rows) if row[0] != "-"), default=-1)
    closed: list[str] = []
    for at, row in enumerate(rows):
        if row[0] == "-" or at == last or end_of(row):
            closed.append(row)
        else:
            closed += ["-" + row[1:]] if row[0] == " " else []
            closed.append("+" + row[1:] + _usual_end(hunk))
    return closed
