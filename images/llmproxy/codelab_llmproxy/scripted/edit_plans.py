"""Plans that change files by patches: replace text, add logging. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from codelab_llmproxy.scripted import globs
from codelab_llmproxy.scripted.answer import Plan, ToolUse, say
from codelab_llmproxy.scripted.conversation import Outcome
from codelab_llmproxy.scripted.diffs import Edit, replacements
from codelab_llmproxy.scripted.logging_lines import log_lines
from codelab_llmproxy.scripted.patches import Report
from codelab_llmproxy.scripted.patching import Patcher
from codelab_llmproxy.scripted.reading import Reading, in_batches, read_files
from codelab_llmproxy.scripted.toolbox import Calling

MAX_FILE_BYTES: Final = 2 * 1_048_576
"""Larger files take no patch."""
MAX_NAMED: Final = 20
"""Files that a closing sentence names."""
_CUT_MARK: Final = "[… shortened:"
"""Stands where the runtime cut a result, maybe in the midst of a path."""
_CUT: Final = [{"path": _CUT_MARK}]


def replace(old: str, new: str, targets: Sequence[str], tools: frozenset[str]) -> Plan:
    """Replace a text wherever it stands in files, or in those that globs match."""
    if not old or old == new:
        yield say("There is nothing to replace.")
        return
    found = yield from _expand(targets)
    paths, problems = found
    change = partial(_replaced, old=old, new=new)
    message = f'Replace "{old}" with "{new}"'[:1000]
    yield from _carry_out(Patcher(change, message, tools), paths, problems)


def add_logging(path: str, tools: frozenset[str]) -> Plan:
    """A log line at the head of each function of a file."""
    change = log_lines(path)
    if change is None:
        yield say("I can add logging to Python, JavaScript and TypeScript files only.")
        return
    yield from _carry_out(Patcher(change, f"Add logging to {path}", tools), [path], {})


def _replaced(lines: Sequence[str], *, old: str, new: str) -> list[Edit]:
    """The edits of one file."""
    return replacements("".join(lines), old, new)


def _expand(targets: Sequence[str]) -> Calling:
    """Paths of files and globs, each once; and what is wrong with any of them, by its name."""
    wanted = [target for target in targets if globs.is_glob(target)]
    outcomes = yield from in_batches([_listing(glob) for glob in wanted], "Looking for the files.")
    by_glob = dict(zip(wanted, outcomes, strict=True))
    paths: dict[str, None] = {}
    problems: dict[str, str] = {}
    for target in targets:
        matches = (
            list(_matches(target, by_glob[target], problems)) if target in by_glob else [target]
        )
        paths |= dict.fromkeys(matches)
    return list(paths), problems


def _listing(glob: str) -> ToolUse:
    """The call that lists what a glob may match; its pattern is relative to its folder."""
    folder = globs.folder(glob)
    arguments = {
        "path": folder,
        "recursive": "/" in glob.removeprefix(f"{folder}/"),
        "include_hidden": glob.startswith(".") or "/." in glob,
        "pattern": glob.removeprefix(f"{folder}/"),
    }
    return ToolUse("list_files", arguments)


def _matches(glob: str, outcome: Outcome, problems: dict[str, str]) -> Iterator[str]:
    """The files of a listing that a glob matches, sorted; what is wrong goes into `problems`."""
    if outcome.failed:
        problems[glob] = outcome.explained()
        return
    if outcome.value.get("truncated"):
        problems[glob] = "the list of files was cut"
    entries: Sequence[Mapping[str, Any]] = outcome.value.get("files", _CUT)
    if any(_CUT_MARK in str(entry) for entry in entries):
        problems[glob] = "the list of files is too long to be shown"
        return
    sizes = {_rooted(str(entry.get("path")), glob): entry.get("size") for entry in entries}
    matches = globs.compiled(glob).fullmatch
    found = sorted(path for path in sizes if matches(path))
    if not found:
        problems.setdefault(glob, "no file matches")
    for path in found:
        if (sizes[path] or 0) > MAX_FILE_BYTES:
            problems[path] = "it is larger than 2 MiB"
        else:
            yield path


def _rooted(path: str, glob: str) -> str:
    """A listed path from the root of the workspace, whichever way the tool gives it."""
    folder = globs.folder(glob)
    path = path.removeprefix("./")
    return path if folder == "." or path.startswith(f"{folder}/") else f"{folder}/{path}"


def _carry_out(patcher: Patcher, paths: Sequence[str], problems: Mapping[str, str]) -> Plan:
    """Read, change, and say what became of it."""
    report = patcher.report
    report.skipped |= problems
    listed = paths[0] if len(paths) == 1 else f"{len(paths)} files"
    opening = f"Reading {listed}."
    readings: list[Reading] = yield from read_files(paths, opening)
    report.skipped |= {reading.path: reading.problem for reading in readings if reading.problem}
    whole = [reading for reading in readings if not reading.problem]
    is_needed = yield from patcher.run(whole)
    yield say(_closing(report, needed=is_needed))


def _closing(report: Report, *, needed: bool) -> str:
    """The sentence at the end."""
    if report.ended == "cancel" and not report.applied:
        return "Nothing changed."
    if not needed:
        head = "There is nothing to change."
    else:
        files = len(set(report.files))
        head = (
            f"Applied {report.applied} of {report.proposed} hunks in {files}"
            f" {'file' if files == 1 else 'files'}."
        )
    ended = f" {report.ended}" if report.ended and report.ended != "cancel" else ""
    return head + ended + _left_out(report.skipped)


def _left_out(skipped: Mapping[str, str]) -> str:
    """The files that were left out, each with its reason."""
    if not skipped:
        return ""
    rows = [f"\n- {path}: {why.rstrip('.')}" for path, why in list(skipped.items())[:MAX_NAMED]]
    more = f"\n- and {len(skipped) - MAX_NAMED} more" if len(skipped) > MAX_NAMED else ""
    return "\n\nLeft out:" + "".join(rows) + more
