"""From placed hunks to the lines that change, with their line ends. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from codelab_core.patch.align import common_head
from codelab_core.patch.model import BARE, TERMINATED, Hunk, Line
from codelab_core.patch.search_index import Level, Site
from codelab_core.patch.text import BOM, TextFile, end_of, split_lf


@dataclass(frozen=True, slots=True)
class Run:
    """Lines `start` to before `end`, counted from 0, give way to `added`, whose ends are open."""

    start: int
    end: int
    added: tuple[Line, ...]
    level: Level


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines `start` to before `end`, counted from 0, give way to `new`, complete with ends."""

    start: int
    end: int
    new: tuple[str, ...]
    level: Level = Level.EXACT


def runs_of(hunk: Hunk, site: Site) -> list[Run] | None:
    """What the hunk changes at the site; lines that it takes out and puts back are not touched.

    `None` when a new line lacks the indent that the site takes away from all lines.
    """
    runs: list[Run] = []
    at = site.start
    for changed, group in groupby(hunk.lines, lambda line: line.kind != " "):
        lines = list(group)
        gone = [line for line in lines if line.kind != "+"]
        if changed:
            added = [line for line in lines if line.kind == "+"]
            shifted = [site.shifted(line.text) for line in added]
            texts = [text for text in shifted if text is not None]
            if len(texts) < len(added):
                return None
            head, tail = _shared(gone, added)
            new = tuple(added[head : len(added) - tail])
            if site.level is Level.INDENT:
                new = tuple(map(_with_text, new, texts[head:]))
            if new or head + tail < len(gone):
                runs.append(Run(at + head, at + len(gone) - tail, new, site.level))
        at += len(gone)
    return runs


def _with_text(line: Line, text: str) -> Line:
    """The line at another indent."""
    return line._replace(text=text)


def _shared(gone: Sequence[Line], added: Sequence[Line]) -> tuple[int, int]:
    """How many lines at the start, and at the end of the rest, are taken out and put back."""
    old = [line[1:] for line in gone]
    new = [line[1:] for line in added]
    head = common_head(old, new)
    return head, common_head(old[head:][::-1], new[head:][::-1])


def with_ends(file: TextFile, runs: Iterable[Run]) -> list[Edit]:
    """The runs, which are in order, with the end of each added line decided.

    It is what the patch says; else that of the line before, or the usual one of the file. The last
    line of the file lacks its newline where the file's did, or where the patch says so.
    """
    edits: list[Edit] = []
    for run in runs:
        before = end_of(file.lines[run.start - 1]) if run.start else ""
        end = before or file.usual_end
        new: list[str] = []
        for line in run.added:
            end = end if line.end in {None, BARE, TERMINATED} else str(line.end)
            new.append(line.text + end)
        if new and run.end == len(file.lines) and _bare(file, run.added[-1]):
            new[-1] = run.added[-1].text
        edits.append(Edit(run.start, run.end, tuple(new), run.level))
    return edits


def _bare(file: TextFile, last: Line) -> bool:
    """Whether the new last line of the file has no newline."""
    return last.end == BARE or (last.end is None and file.ends_bare)


def as_git_lines(
    file: TextFile, edits: Sequence[Edit], *, bom: bool
) -> tuple[tuple[str, ...], list[Edit]]:
    """The file as git sees it, and the edits of its lines: cut at LF only, BOM in the first one.

    `bom` says whether the new file has one. Edits come out merged, see there.
    """
    old = tuple(split_lf(file.raw_text))
    closed = merged(file.lines, [_closed(file, edit) for edit in merged(file.lines, edits)])
    if file.cut_at_cr or len(old) != len(file.lines):  # the latter: nothing but a BOM
        new = TextFile(edited(file.lines, closed), bom).raw_text
        level = max((edit.level for edit in edits), default=Level.EXACT)
        return old, merged(old, [Edit(0, len(old), tuple(split_lf(new)), level)])
    return old, merged(old, _with_bom(file, closed, bom=bom))


def edited(lines: Sequence[str], edits: Iterable[Edit]) -> tuple[str, ...]:
    """The lines with the edits made, which are in order."""
    new: list[str] = []
    at = 0
    for edit in edits:
        new += [*lines[at : edit.start], *edit.new]
        at = edit.end
    return (*new, *lines[at:])


def merged(old: Sequence[str], edits: Iterable[Edit]) -> list[Edit]:
    """The edits, which are in order, as few and small as they can be.

    None touches the next one, none begins or ends with a line that it puts back.
    """
    joined: list[Edit] = []
    for edit in edits:
        if joined and joined[-1].end == edit.start:
            before = joined.pop()
            level = max(before.level, edit.level)
            joined.append(Edit(before.start, edit.end, before.new + edit.new, level))
        else:
            joined.append(edit)
    trimmed = (_trimmed(old, edit) for edit in joined)
    return [edit for edit in trimmed if edit.new or edit.end > edit.start]


def _trimmed(old: Sequence[str], edit: Edit) -> Edit:
    """The edit less the lines that stay as they are."""
    gone = old[edit.start : edit.end]
    head = common_head(gone, edit.new)
    tail = common_head(gone[head:][::-1], edit.new[head:][::-1])
    new = edit.new[head : len(edit.new) - tail]
    return replace(edit, start=edit.start + head, end=edit.end - tail, new=new)


def _with_bom(file: TextFile, edits: list[Edit], *, bom: bool) -> list[Edit]:
    """The edits such that the BOM goes with the first line, whichever that is."""
    touched = bool(edits) and edits[0].start == 0
    if bom == file.bom and not (bom and touched):
        return edits
    first, *rest = edits if touched else [Edit(0, 0, ()), *edits]
    if first.end < len(file.lines) and not (first.end and first.new):
        # The next line is no part of another edit, for none touches this one.
        kept = file.lines[first.end]
        first = replace(first, end=first.end + 1, new=(*first.new, kept))
    text = (BOM if bom else "") + "".join(first.new[:1])
    return [replace(first, new=(text, *first.new[1:]) if text else ()), *rest]


def _closed(file: TextFile, edit: Edit) -> Edit:
    """What is put behind a last line without newline gives it one."""
    count = len(file.lines)
    if edit.start < count or not file.ends_bare:
        return edit
    closed = file.lines[-1] + file.usual_end
    return replace(edit, start=count - 1, new=(closed, *edit.new))
