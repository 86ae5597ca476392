"""The part of a prepared patch that a person chose, as a patch of its own. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codelab_core.patch.assemble import assemble, by_file
from codelab_core.patch.canonical import CanonicalFile, CanonicalHunk, canonical_hunks
from codelab_core.patch.canonical_parser import parse_canonical
from codelab_core.patch.edits import Edit, merged
from codelab_core.patch.failures import failed, stale_base
from codelab_core.patch.prepared import Base, PreparedPatch, ReviewHunk, Subject
from codelab_core.patch.rows import chosen_rows, edited_rows, edits_of_rows
from codelab_core.patch.selection import Choice, Selection, invalid_choice, resolve
from codelab_core.patch.text import sha256_of, split_lf


@dataclass(frozen=True, slots=True)
class HunkReport:
    """What became of one hunk of the proposal; `diff` is what is left of an edited one."""

    hunk_id: str
    path: str
    reason: str | None = None
    diff: str | None = None

    def to_wire(self) -> dict[str, str]:
        """The entry in the report to the model."""
        facts = {"reason": self.reason, "diff": self.diff}
        told = {name: fact for name, fact in facts.items() if fact is not None}
        return {"hunk_id": self.hunk_id, "path": self.path, **told}


@dataclass(frozen=True, slots=True)
class SelectedPatch:
    """The chosen part, `None` when nothing was; the proposal's hunks by what became of them."""

    prepared: PreparedPatch | None
    selected: tuple[HunkReport, ...]
    refused: tuple[HunkReport, ...]
    edited: tuple[HunkReport, ...]
    ordinals: tuple[int, ...]
    total: int

    def report(self) -> dict[str, Any]:
        """The result of the review for the model, less `review_id` and the person's message."""
        return {
            "action": "cancel" if self.prepared is None else "apply",
            "chunks_selected": list(self.ordinals),
            "chunks_total": self.total,
            "selected": [report.to_wire() for report in self.selected],
            "refused": [report.to_wire() for report in self.refused],
            "edited": [report.to_wire() for report in self.edited],
            "filtered_diff": "" if self.prepared is None else self.prepared.diff,
        }


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of the proposal: its old lines, and by hunk id what is left of it.

    `edits` are those of each hunk, none for a refused one; `others` what else is done to the file;
    `whole` names the hunks that are left as they were proposed.
    """

    file: CanonicalFile
    old: tuple[str, ...]
    edits: Mapping[str, Sequence[Edit]]
    others: Mapping[str, Subject]
    whole: frozenset[str]

    @property
    def left(self) -> set[str]:
        """The hunks of which something is left."""
        return {hunk_id for hunk_id, edits in self.edits.items() if edits} | set(self.others)


def select(
    prepared: PreparedPatch, bases: Mapping[str, Base | None], selection: Selection
) -> SelectedPatch:
    """Rebuild the patch from what was chosen; `bases` are those that it was prepared with.

    Raises `ToolError`: `PATCH_APPLY_FAILED` dependent {hunk, needs} (ids) when a chosen hunk needs
    one that is not, `INVALID_ARGUMENTS` {errors} for a choice that fits no hunk, `CONFLICT`
    stale_base when a base is another one.
    """
    for change in prepared.files:
        path = change.old_path or change.path
        _check_base(path, change.pre_sha, bases.get(path))
    choices = resolve(prepared.hunks, selection)
    parts = [
        _part(file, bases.get(file.base_path), lines, others, choices)
        for file, lines, others in by_file(parse_canonical(prepared.diff), prepared.hunks)
    ]
    _check_needs(prepared.hunks, set().union(*(part.left for part in parts)))
    files = [file for part in parts if (file := _chosen_file(part)) is not None]
    return _result(prepared, choices, parts, assemble(files, bases) if files else None)


def _check_base(path: str, pre_sha: str, base: Base | None) -> None:
    """Raise unless the file is the one that the proposal was made for."""
    actual = sha256_of(None if base is None else base.content)
    if actual != pre_sha:
        raise stale_base(path, pre_sha, actual)


def _part(
    file: CanonicalFile,
    base: Base | None,
    lines: Sequence[ReviewHunk],
    others: Sequence[ReviewHunk],
    choices: Mapping[str, Choice],
) -> _Part:
    """What the choices leave of one file."""
    content = b"" if base is None else base.content
    edits: dict[str, list[Edit]] = {}
    whole: set[str] = set()
    for hunk, review in zip(file.hunks, lines, strict=True):
        rows = _rows(hunk, choices[review.hunk_id])
        edits[review.hunk_id] = list(edits_of_rows(hunk, rows))
        if edits[review.hunk_id] == list(edits_of_rows(hunk, hunk.rows)):
            whole.add(review.hunk_id)
    taken = {other.hunk_id: other.subject for other in others if _is_taken(other, choices)}
    old = tuple(split_lf(content.decode(errors="surrogateescape")))
    return _Part(file, old, edits, taken, frozenset(whole | set(taken)))


def _rows(hunk: CanonicalHunk, choice: Choice) -> Sequence[str]:
    """The rows of a hunk after the choice."""
    if choice.decision == "lines":
        return chosen_rows(hunk, choice.lines)
    if choice.decision == "edit":
        return edited_rows(hunk, choice.new_text)
    return hunk.rows if choice.decision == "apply" else ()


def _is_taken(other: ReviewHunk, choices: Mapping[str, Choice]) -> bool:
    """Whether a part without lines is taken. Raises `INVALID_ARGUMENTS` for half a decision."""
    decision = choices[other.hunk_id].decision
    if decision in {"lines", "edit"}:
        raise invalid_choice(f"Hunk {other.hunk_id} has no lines: apply or refuse it.")
    return decision == "apply"


def _check_needs(hunks: Sequence[ReviewHunk], left: set[str]) -> None:
    """Raise for a hunk that is left without one that it needs."""
    for hunk in hunks:
        missing = [need for need in hunk.depends_on if need not in left]
        if hunk.hunk_id in left and missing:
            message = f"Hunk {hunk.hunk_id} of {hunk.path} needs {', '.join(missing)}."
            facts = {"path": hunk.path, "hunk": hunk.hunk_id, "needs": missing}
            raise failed("dependent", message, facts)


def _chosen_file(part: _Part) -> CanonicalFile | None:
    """The change of one file that is left; `None` for none."""
    if not part.left:
        return None
    edits = merged(part.old, [edit for edits in part.edits.values() for edit in edits])
    hunks = canonical_hunks(part.old, edits)
    file = replace(part.file, hunks=hunks)
    if file.mode_changed and "mode" not in part.others.values():
        file = replace(file, executable=file.old_executable)
    gone = sum(edit.end - edit.start for edit in edits)
    if file.operation == "delete" and (gone < len(part.old) or any(edit.new for edit in edits)):
        return replace(file, operation="modify", executable=file.old_executable)
    return file


def _result(
    prepared: PreparedPatch,
    choices: Mapping[str, Choice],
    parts: Sequence[_Part],
    chosen: PreparedPatch | None,
) -> SelectedPatch:
    """The chosen part with the reports on each hunk, in the order of the review."""
    left = set().union(*(part.left for part in parts))
    whole = set().union(*(part.whole for part in parts)) & left
    diffs = {
        hunk_id: "".join(
            hunk.render() for hunk in canonical_hunks(part.old, merged(part.old, edits))
        )
        for part in parts
        for hunk_id, edits in part.edits.items()
        if hunk_id in left - whole
    }
    reports = {
        hunk.hunk_id: HunkReport(
            hunk.hunk_id, hunk.path, choices[hunk.hunk_id].reason, diffs.get(hunk.hunk_id)
        )
        for hunk in prepared.hunks
    }
    return SelectedPatch(
        prepared=chosen,
        selected=tuple(report for hunk_id, report in reports.items() if hunk_id in whole),
        refused=tuple(report for hunk_id, report in reports.items() if hunk_id not in left),
        edited=tuple(report for hunk_id, report in reports.items() if hunk_id in left - whole),
        ordinals=tuple(hunk.ordinal for hunk in prepared.hunks if hunk.hunk_id in left),
        total=len(prepared.hunks),
    )
