import hashlib

import pytest

from codelab_core.patch.assemble import assemble, by_file, subjects
from codelab_core.patch.canonical import CanonicalFile, CanonicalHunk, patch_key
from codelab_core.patch.prepared import Base, FileChange, Subject
from codelab_core.patch.search_index import Level
from codelab_core.patch.text import sha256_of
from codelab_core.tool_errors import ToolError

MODIFY = CanonicalFile(
    "modify",
    "m",
    None,
    old_executable=False,
    executable=True,
    hunks=(CanonicalHunk(0, 0, ("-a\n", "+def fresh():\n"), Level.BLANKS),),
)
RENAME = CanonicalFile(
    "rename",
    "to",
    "from",
    old_executable=True,
    executable=False,
    hunks=(CanonicalHunk(1, 1, (" b\n", "+fresh()\n")),),
)
CREATE = CanonicalFile("create", "c", None, old_executable=None, executable=True, hunks=())
DELETE = CanonicalFile("delete", "d", None, old_executable=False, executable=None, hunks=())
BASES = {"m": Base(b"a\n"), "from": Base(b"a\nb\n", executable=True), "d": Base(b""), "c": None}


def test_everything_follows_from_the_diff_and_the_bases() -> None:
    """R-16."""
    ready = assemble([MODIFY, RENAME, CREATE, DELETE], BASES)

    empty = hashlib.sha256(b"").hexdigest()
    assert ready.posts == {
        "m": b"def fresh():\n",
        "from": None,
        "to": b"a\nb\nfresh()\n",
        "c": b"",
        "d": None,
    }
    assert ready.files == (
        FileChange(
            "m", "modify", None, sha256_of(b"a\n"), sha256_of(ready.posts["m"]), executable=True
        ),
        FileChange(
            "to",
            "rename",
            "from",
            sha256_of(b"a\nb\n"),
            sha256_of(ready.posts["to"]),
            executable=False,
        ),
        FileChange("c", "create", None, "absent", empty, executable=True),
        FileChange("d", "delete", None, empty, "absent", executable=None),
    )
    assert ready.digest == patch_key(ready.diff) == hashlib.sha256(ready.diff.encode()).hexdigest()


def test_hunks_come_first_and_then_what_else_is_done_to_files() -> None:
    hunks = assemble([MODIFY, RENAME, CREATE, DELETE], BASES).hunks

    listed = [(hunk.ordinal, hunk.path, hunk.subject, hunk.match) for hunk in hunks]
    assert listed == [
        (1, "m", "lines", "blanks"),
        (2, "to", "lines", "exact"),
        (3, "m", "mode", "exact"),
        (4, "to", "rename", "exact"),
        (5, "to", "mode", "exact"),
        (6, "c", "file", "exact"),
        (7, "d", "file", "exact"),
    ]
    ids = [hunk.hunk_id for hunk in hunks]
    assert len(set(ids)) == 7
    assert [hunk.depends_on for hunk in hunks] == [(), (ids[3],), (), (), (ids[3],), (), ()]
    assert [hunk.related for hunk in hunks[:2]] == [(ids[1],), (ids[0],)]
    spans = [(h.old_start, h.old_lines, h.new_start, h.new_lines) for h in hunks]
    assert spans[:3] == [(1, 1, 1, 1), (2, 1, 2, 2), (0, 0, 0, 0)]


def test_changes_that_do_not_fit_the_bases_are_refused() -> None:
    with pytest.raises(ToolError) as caught:
        assemble([MODIFY], {"m": Base(b"b\n")})

    assert caught.value.details["reason"] == "post_mismatch"


@pytest.mark.parametrize(
    ("file", "told"),
    [
        pytest.param(MODIFY, ["mode"], id="mode"),
        pytest.param(RENAME, ["rename", "mode"], id="rename-and-mode"),
        pytest.param(CREATE, ["file"], id="empty-file"),
        pytest.param(DELETE, ["file"], id="empty-file-gone"),
    ],
)
def test_what_lines_do_not_show_is_a_subject_of_its_own(
    file: CanonicalFile, told: list[Subject]
) -> None:
    assert subjects(file) == told


def test_reviewed_hunks_are_found_by_their_file() -> None:
    hunks = assemble([MODIFY, RENAME], BASES).hunks

    parts = list(by_file([MODIFY, RENAME], hunks))

    assert [
        (file, [h.ordinal for h in lines], [h.ordinal for h in others])
        for file, lines, others in parts
    ] == [(MODIFY, [1], [3]), (RENAME, [2], [4, 5])]
