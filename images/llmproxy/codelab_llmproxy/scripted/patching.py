"""Brings a change into files: propose, review, apply, one more try where it did not fit. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from codelab_llmproxy.scripted.answer import ToolUse, say
from codelab_llmproxy.scripted.conversation import Outcome
from codelab_llmproxy.scripted.diffs import (
    CONTEXT,
    Edit,
    FileDiff,
    UnpatchableError,
    apply_edits,
    file_diff,
)
from codelab_llmproxy.scripted.patches import Patch, Proposal, Report, count_hunks, patches
from codelab_llmproxy.scripted.reading import Reading, in_batches, read_files
from codelab_llmproxy.scripted.toolbox import Calling, offered

WIDER_CONTEXT: Final = 8
"""Context of the second try: other blocks than those that did not fit."""
_AGAIN: Final = frozenset({"PATCH_APPLY_FAILED", "CONFLICT", "READ_FIRST"})
_FINAL: Final = frozenset({"REJECTED", "POLICY_DENIED", "CANCELLED", "TOOL_TIMEOUT"})

Change = Callable[[Sequence[str]], list[Edit]]
"""The edits that a file with these lines needs."""


class Patcher:
    """Carries one change through review and application, patch by patch; notes all in `report`."""

    def __init__(self, change: Change, message: str, tools: frozenset[str]) -> None:
        self._change = change
        self._message = message
        self._tools = tools
        self.report = Report()

    def run(self, readings: Sequence[Reading]) -> Calling:
        """Change the files that need it; returns whether there was anything to change."""
        edited = [reading for reading in readings if self._change(reading.lines)]
        if not offered("apply_patch", self._tools):
            yield from self._write(edited)
            return bool(edited)
        for patch in patches(self._diffs(edited, CONTEXT)):
            yield from self._bring_in(patch)
            if self.report.ended:
                break
        return bool(edited)

    def _diffs(self, readings: Sequence[Reading], context: int) -> Iterator[FileDiff]:
        """The diffs of files; those that cannot be patched are noted."""
        for reading in readings:
            edits = self._change(reading.lines)
            try:
                yield file_diff(reading.path, reading.lines, edits, context=context)
            except UnpatchableError as problem:
                self.report.skipped[reading.path] = str(problem)

    def _bring_in(self, patch: Patch) -> Calling:
        """Propose a patch until it is in, refused, or no file of it is left to try."""
        tried: set[str] = set()
        while patch.proposals:
            failure = yield from self._propose(patch)
            if failure is None:
                return
            if failure.code not in _AGAIN:
                self._give_up(patch, failure)
                return
            again = yield from self._once_more(patch, failure, tried)
            self.report.proposed += patch.without(again).hunks
            patch = again

    def _propose(self, patch: Patch) -> Calling:
        """One review and what it selects; returns the outcome that failed, if one did.

        A review counts the hunks as people are shown them: those of ours may be several each.
        """
        selection, hunks = patch.arguments(), patch.hunks
        if offered("apply_patch_review", self._tools):
            arguments = selection | {"message": self._message}
            (review,) = yield say("", ToolUse("apply_patch_review", arguments))
            if review.failed:
                return review
            hunks = _shown_hunks(review, hunks)
            if review.value.get("action") != "apply":
                self.report.ended = "cancel"
                self.report.proposed += hunks
                return None
            selection = _selected(review, patch)
        (applied,) = yield say("", ToolUse("apply_patch", selection))
        if applied.failed:
            return applied
        self.report.proposed += hunks
        self._count(applied, selection.get("diff", patch.text))
        return None

    def _count(self, applied: Outcome, diff: str) -> None:
        """Note what an `apply_patch` did."""
        hunks = applied.value.get("applied")
        self.report.applied += len(hunks) if isinstance(hunks, list) else count_hunks(diff)
        self.report.files += applied.value.get("files_modified") or ()

    def _give_up(self, patch: Patch, failure: Outcome) -> None:
        """Note a failure that another try would not mend; one of a person ends the whole change."""
        if failure.code in _FINAL:
            self.report.ended = f"{failure.name} failed: {failure.explained()}."
        self.report.proposed += patch.hunks
        for proposal in patch.proposals:
            self.report.skipped[proposal.path] = failure.explained()

    def _once_more(self, patch: Patch, failure: Outcome, tried: set[str]) -> Calling:
        """The patch to try next: what did not fit is read again, what failed twice left out."""
        suspects = _suspects(failure, [proposal.path for proposal in patch.proposals])
        for path in tried.intersection(suspects):
            self.report.skipped[path] = failure.explained()
        wanted = [path for path in suspects if path not in tried]
        tried.update(suspects)
        readings = yield from read_files(wanted, "That did not fit. I read it again.")
        fresh: dict[str, Proposal] = {}
        for reading in readings:
            fresh |= self._renewed(reading, suspects[reading.path])
        kept = ((p.path, fresh.get(p.path, p)) for p in patch.proposals)
        return Patch(tuple(p for path, p in kept if path in fresh or path not in suspects))

    def _renewed(self, reading: Reading, reason: str) -> dict[str, Proposal]:
        """The next proposal for one file, by its path; empty where there is none.

        Hunks that fit in several places, or were made before, are put where they belong by their
        line; else more context helps.
        """
        if reading.problem:
            self.report.skipped[reading.path] = reading.problem
        if reading.problem or not self._change(reading.lines):
            return {}
        placed = reason == "ambiguous"
        diffs = self._diffs([reading], CONTEXT if placed else WIDER_CONTEXT)
        return {diff.path: Proposal(diff, placed) for diff in diffs}

    def _write(self, readings: Sequence[Reading]) -> Calling:
        """Without patches: each file written anew."""
        uses = []
        for reading in readings:
            edits = self._change(reading.lines)
            self.report.proposed += len(edits)
            content = apply_edits(reading.lines, edits)
            uses.append(ToolUse("write_file", {"path": reading.path, "content": content}))
        outcomes = yield from in_batches(uses, "")
        for reading, outcome in zip(readings, outcomes, strict=True):
            if outcome.failed:
                self.report.skipped[reading.path] = outcome.explained()
            else:
                self.report.applied += len(self._change(reading.lines))
                self.report.files.append(reading.path)


def _selected(review: Outcome, patch: Patch) -> dict[str, Any]:
    """Arguments that apply what was selected; a diff too long to be shown whole goes by its id."""
    review_id = review.value.get("review_id")
    if review_id and patch.is_long:
        return {"review_id": review_id}
    return {"diff": review.value.get("filtered_diff", patch.text)}


def _shown_hunks(review: Outcome, otherwise: int) -> int:
    """How many hunks the person chose from."""
    total = review.value.get("chunks_total")
    return total if isinstance(total, int) else otherwise


def _suspects(failure: Outcome, paths: Sequence[str]) -> dict[str, str]:
    """The files that did not fit, with the reasons; all of a patch where none is named."""
    also = failure.details.get("also")
    problems = [failure.details, *(also if isinstance(also, list) else ())]
    named = {problem.get("path"): str(problem.get("reason")) for problem in problems}
    return {path: named[path] for path in paths if path in named} or dict.fromkeys(paths, "")
