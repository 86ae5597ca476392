"""From exactly located changes to a prepared patch. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from codelab_core.patch.apply import apply_files
from codelab_core.patch.canonical import CanonicalFile, HunkIds, patch_key, render
from codelab_core.patch.canonical_parser import parse_canonical
from codelab_core.patch.model import KEPT
from codelab_core.patch.prepared import (
    Base,
    FileChange,
    PreparedPatch,
    ReviewHunk,
    Subject,
)
from codelab_core.patch.related import related
from codelab_core.patch.search_index import Level
from codelab_core.patch.text import sha256_of


def assemble(files: Sequence[CanonicalFile], bases: Mapping[str, Base | None]) -> PreparedPatch:
    """The prepared patch of changes that are located exactly.

    Raises `PATCH_APPLY_FAILED` post_mismatch when they do not fit the bases.
    """
    diff = render(files)
    contents = {path: base.content for path, base in bases.items() if base is not None}
    posts = apply_files(parse_canonical(diff), contents)
    return PreparedPatch(
        diff=diff,
        files=tuple(_file_change(file, contents, posts) for file in files),
        hunks=tuple(_review(files)),
        posts=posts,
        digest=patch_key(diff),
    )


def _file_change(
    file: CanonicalFile, contents: Mapping[str, bytes], posts: Mapping[str, bytes | None]
) -> FileChange:
    """The guard of one file."""
    set_mode = file.mode_changed or (file.operation == "create" and file.executable)
    return FileChange(
        path=file.path,
        op=file.operation,
        old_path=file.old_path,
        pre_sha=sha256_of(contents.get(file.base_path)),
        post_sha=sha256_of(posts[file.path]),
        executable=file.executable if set_mode else None,
    )


def _review(files: Sequence[CanonicalFile]) -> Iterator[ReviewHunk]:
    """The parts of the patch, hunks first."""
    ids = HunkIds()
    ordinals = count(1)
    listed = [(file, hunk) for file in files for hunk in file.hunks]
    named = [ids.next(file.path, "".join(hunk.old), "".join(hunk.new)) for file, hunk in listed]
    others = [(file, subject) for file in files for subject in subjects(file)]
    other_ids = [ids.next(file.path, f"\0{subject}", file.base_path) for file, subject in others]
    renames = {
        file.path: (other_id,)
        for (file, subject), other_id in zip(others, other_ids, strict=True)
        if subject == "rename"
    }
    relatives = related([hunk for _, hunk in listed])
    for (file, hunk), hunk_id, near in zip(listed, named, relatives, strict=True):
        yield ReviewHunk(
            hunk_id,
            next(ordinals),
            file.path,
            *hunk.spans,
            match=hunk.level.wire,
            depends_on=renames.get(file.path, ()),
            related=tuple(named[position] for position in near),
            subject="lines",
        )
    for (file, subject), hunk_id in zip(others, other_ids, strict=True):
        needs = renames.get(file.path, ()) if subject != "rename" else ()
        number = next(ordinals)
        match = Level.EXACT.wire
        yield ReviewHunk(hunk_id, number, file.path, 0, 0, 0, 0, match, needs, (), subject)


def subjects(file: CanonicalFile) -> list[Subject]:
    """What is done to the file beside its lines."""
    told: dict[Subject, bool] = {
        "rename": file.operation == "rename",
        "mode": file.mode_changed,
        "file": file.operation not in KEPT and not file.hunks,
    }
    return [subject for subject, is_told in told.items() if is_told]


def by_file(
    files: Sequence[CanonicalFile], hunks: Sequence[ReviewHunk]
) -> Iterator[tuple[CanonicalFile, list[ReviewHunk], list[ReviewHunk]]]:
    """Each file with the reviewed hunks that are its lines, in order, and with its others."""
    for file in files:
        own = [hunk for hunk in hunks if hunk.path == file.path]
        lines = [hunk for hunk in own if hunk.subject == "lines"]
        yield file, lines, [hunk for hunk in own if hunk.subject != "lines"]
