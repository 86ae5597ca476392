"""From the hunks of one file to the lines that change, or to what is wrong with them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from codelab_core.patch.edits import Run, runs_of
from codelab_core.patch.explain import Failure, not_found
from codelab_core.patch.failures import Budget
from codelab_core.patch.model import FilePatch, Hunk
from codelab_core.patch.place import place
from codelab_core.patch.repeats import AppliedChanges
from codelab_core.patch.search_index import Level, SearchIndex, Site
from codelab_core.patch.text import TextFile

Owned = tuple[Run, Hunk]
"""A run of changed lines and the hunk that changes them."""

_TOP = Site(0, Level.EXACT)


@dataclass(frozen=True, slots=True)
class Session:
    """What placement may know beside patch and files: choices of the model, its past, a budget."""

    at: Mapping[int, int]
    applied: AppliedChanges
    budget: Budget


@dataclass(frozen=True, slots=True)
class Problem:
    """A hunk that cannot be applied; `ordinal` is its number in the patch."""

    path: str
    ordinal: int
    failure: Failure

    @property
    def facts(self) -> dict[str, Any]:
        """The details of the error, less its reason."""
        return {"path": self.path, "hunk": self.ordinal, **self.failure.facts}


def locate(file: FilePatch, text: TextFile, session: Session) -> tuple[list[Run], list[Problem]]:
    """The runs of changed lines in the order of the file, or what is wrong: one of them is empty.

    Raises `PATCH_INVALID` too_complex.
    """
    if file.operation == "create":
        lines = tuple(chain.from_iterable(hunk.lines for hunk in file.hunks))
        return (runs_of(Hunk(lines), _TOP) or []), []
    if file.operation == "delete" and not file.hunks:
        return [Run(0, len(text.lines), (), Level.EXACT)], []
    problems = [_problem(file, hunk, _NO_CHANGE) for hunk in file.hunks if _is_idle(hunk)]
    if problems:
        return [], problems
    owned, problems = _placed(file, text, session)
    problems = problems or [*_overlaps(file, owned), *_left_over(file, text, owned)]
    return ([] if problems else [run for run, _ in owned]), problems


_NO_CHANGE = Failure("no_change", "The hunk changes nothing: old and new lines are equal.", {})
_NOT_EMPTY = "The hunks leave lines in a file that is deleted: give none to delete all of it."


def _is_idle(hunk: Hunk) -> bool:
    """Whether the hunk would change nothing wherever it stood."""
    return hunk.bom is None and runs_of(hunk, _TOP) == []


def _problem(file: FilePatch, hunk: Hunk, failure: Failure) -> Problem:
    """The failure with its place in the patch."""
    return Problem(file.base_path, hunk.ordinal, failure)


def _placed(file: FilePatch, text: TextFile, session: Session) -> tuple[list[Owned], list[Problem]]:
    """The runs of all hunks in the order of the file; what is wrong with those without a place."""
    index = SearchIndex(text.texts(), session.budget)
    owned: list[Owned] = []
    problems: list[Problem] = []
    verdicts = place(
        file, index, session.at, lambda hunk: session.applied.repeat_of(file.base_path, hunk)
    )
    for hunk, verdict in zip(file.hunks, verdicts, strict=True):
        runs = runs_of(hunk, verdict) if isinstance(verdict, Site) else None
        if runs is not None:
            owned += [(run, hunk) for run in runs]
        elif isinstance(verdict, Site):
            message = "The lines stand at another indent that the new lines cannot take."
            problems.append(_problem(file, hunk, not_found(hunk, index, message)))
        else:
            problems.append(_problem(file, hunk, verdict))
    return sorted(owned, key=lambda pair: (pair[0].start, pair[0].end)), problems


def _overlaps(file: FilePatch, owned: Sequence[Owned]) -> list[Problem]:
    """The first hunk that changes a line of another, or inserts at the same point."""
    for (before, first), (after, second) in pairwise(owned):
        same = (before.start, before.end) == (after.start, after.end)
        if after.start < before.end or same:
            message = f"Hunks {first.ordinal} and {second.ordinal} change the same lines."
            facts = {"other": first.ordinal, "line": after.start + 1}
            return [_problem(file, second, Failure("overlap", message, facts))]
    return []


def _left_over(file: FilePatch, text: TextFile, owned: Sequence[Owned]) -> list[Problem]:
    """For a deleted file whose hunks do not take all lines out."""
    if file.operation != "delete":
        return []
    gone = sum(run.end - run.start for run, _ in owned)
    if gone == len(text.lines) and not any(run.added for run, _ in owned):
        return []
    return [_problem(file, file.hunks[-1], Failure("not_empty", _NOT_EMPTY, {}))]
