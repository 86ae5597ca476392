"""Makes the changes of a canonical diff at its exact lines, as the client does. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from codelab_core.patch.canonical import CanonicalFile, CanonicalHunk
from codelab_core.patch.canonical_parser import parse_canonical
from codelab_core.patch.failures import failed
from codelab_core.patch.model import KEPT, AppliedHunk
from codelab_core.patch.text import split_lf
from codelab_core.tool_errors import ToolError


def apply_canonical(diff: str, files: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    """The new content of every path that the diff touches, `None` for one that goes.

    `files` holds the present content; a path that is not in it is absent. Nothing is searched: a
    line that is not where the diff says raises `PATCH_APPLY_FAILED` post_mismatch {path, hunk,
    line}, with the hunk counted from 1 within its file. Raises `PATCH_INVALID` syntax for a text
    that is no canonical diff, `INVALID_PATH`.
    """
    return apply_files(parse_canonical(diff), files)


def apply_files(
    changes: Sequence[CanonicalFile], files: Mapping[str, bytes | None]
) -> dict[str, bytes | None]:
    """`apply_canonical` for a diff that was parsed before."""
    posts: dict[str, bytes | None] = {}
    for change in changes:
        new = _applied(change, files.get(change.base_path))
        if change.old_path is not None:
            if files.get(change.path) is not None:
                raise _mismatch(change, 0, 1, "The file exists already.")
            posts[change.old_path] = None
        posts[change.path] = new
    return posts


def applied_hunks(diff: str, call_id: str) -> tuple[AppliedHunk, ...]:
    """What a session has to remember when `call_id` has applied the canonical diff.

    One entry for each run of changed lines in files that are still there. Raises `PATCH_INVALID`.
    """
    return tuple(
        AppliedHunk(file.path, old, new, call_id, line)
        for file in parse_canonical(diff)
        if file.operation in KEPT
        for hunk in file.hunks
        for old, new, line in _single_changes(hunk)
    )


def _applied(change: CanonicalFile, content: bytes | None) -> bytes | None:
    """The new content of one file."""
    if (content is None) != (change.operation == "create"):
        message = "The file exists already." if change.operation == "create" else "It is missing."
        raise _mismatch(change, 0, 1, message)
    # Any bytes come out as they went in: whether they are text was decided when they were read.
    lines = split_lf((content or b"").decode(errors="surrogateescape"))
    new: list[str] = []
    at = 0
    for number, hunk in enumerate(change.hunks, 1):
        _verify(change, number, hunk, lines)
        new += [*lines[at : hunk.start], *hunk.new]
        at = hunk.start + len(hunk.old)
    new += lines[at:]
    if change.operation != "delete":
        return "".join(new).encode(errors="surrogateescape")
    if new:
        raise _mismatch(change, len(change.hunks), 1, "Lines are left of a file that goes.")
    return None


def _verify(change: CanonicalFile, number: int, hunk: CanonicalHunk, lines: list[str]) -> None:
    """Raise unless the old lines of the hunk stand exactly at its place."""
    there = lines[hunk.start : hunk.start + len(hunk.old)]
    if tuple(there) != hunk.old or hunk.start > len(lines):
        pairs = zip(there, hunk.old, strict=False)
        equal = next((at for at, (old, new) in enumerate(pairs) if old != new), len(there))
        raise _mismatch(change, number, hunk.start + equal + 1, "The line is another one.")


def _mismatch(change: CanonicalFile, hunk: int, line: int, message: str) -> ToolError:
    """The error for a file that is not what the diff was made for."""
    facts = {"path": change.base_path, "hunk": hunk, "line": line}
    return failed("post_mismatch", f"{change.base_path}, line {line}: {message}", facts)


def _single_changes(hunk: CanonicalHunk) -> Iterator[tuple[str, str, int]]:
    """Each run of changed rows by itself: old block, this with the run made, new line number."""
    old = list(hunk.old)
    at, line = 0, hunk.new_start + 1
    for changed, group in groupby(hunk.rows, lambda row: row[0] != " "):
        rows = list(group)
        gone = sum(row[0] != "+" for row in rows)
        added = [row[1:] for row in rows if row[0] == "+"]
        if changed:
            yield "".join(old), "".join((*old[:at], *added, *old[at + gone :])), line
        at, line = at + gone, line + (len(added) if changed else gone)
