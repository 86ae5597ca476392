import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.build import prepare, restore
from codelab_core.patch.canonical_parser import parse_canonical
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.patch.select import HunkReport, SelectedPatch, select
from codelab_core.patch.selection import Choice, Selection
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import (
    PROPERTY,
    Change,
    changed,
    changes_of,
    content,
    details,
    prepared,
    udiff,
    unique_texts,
)

LINES = [f"line {number}" for number in range(40)]
MADE = changed(LINES, [Change(3, 4, ("A",)), Change(20, 22, ()), Change(35, 35, ("B", "C"))])
BASES: dict[str, Base | None] = {"x": Base(content(LINES))}
PATCH = prepared(udiff("x", LINES, MADE), {"x": content(LINES)})
IDS = [hunk.hunk_id for hunk in PATCH.hunks]


def take(**choices: Choice) -> SelectedPatch:
    named = {IDS["abc".index(letter)]: choice for letter, choice in choices.items()}
    return select(PATCH, BASES, Selection(named))


def lines_of(chosen: SelectedPatch) -> list[str]:
    assert chosen.prepared is not None
    post = chosen.prepared.posts["x"]
    assert post is not None
    return post.decode().split("\n")[:-1]


def test_all_hunks_are_the_whole_patch() -> None:
    """R-17."""
    everything = select(PATCH, BASES, Selection(dict.fromkeys(IDS, Choice("apply"))))

    assert everything.prepared == PATCH
    assert everything.report() == {
        "action": "apply",
        "chunks_selected": [1, 2, 3],
        "chunks_total": 3,
        "selected": [{"hunk_id": hunk_id, "path": "x"} for hunk_id in IDS],
        "refused": [],
        "edited": [],
        "filtered_diff": PATCH.diff,
    }


def test_no_hunk_is_no_patch() -> None:
    """R-17."""
    nothing = select(PATCH, BASES, Selection({IDS[0]: Choice("refuse", reason="no")}))

    assert nothing.prepared is None
    assert nothing.report() == {
        "action": "cancel",
        "chunks_selected": [],
        "chunks_total": 3,
        "selected": [],
        "refused": [
            {"hunk_id": IDS[0], "path": "x", "reason": "no"},
            {"hunk_id": IDS[1], "path": "x"},
            {"hunk_id": IDS[2], "path": "x"},
        ],
        "edited": [],
        "filtered_diff": "",
    }


def test_hunks_lines_and_texts_can_be_mixed() -> None:
    """R-17."""
    wanted = "".join(f"{line}\n" for line in [*LINES[32:35], "B!", *LINES[35:38]])
    mixed = take(a=Choice("refuse"), b=Choice("lines", (3,)), c=Choice("edit", new_text=wanted))

    assert lines_of(mixed) == changed(LINES, [Change(20, 21, ()), Change(35, 35, ("B!",))])
    assert mixed.refused == (HunkReport(IDS[0], "x"),)
    assert mixed.selected == ()
    assert [report.hunk_id for report in mixed.edited] == IDS[1:]
    assert mixed.edited[1].diff == (
        "@@ -33,6 +33,7 @@\n line 32\n line 33\n line 34\n+B!\n line 35\n line 36\n line 37\n"
    )
    assert mixed.ordinals == (2, 3)


def test_a_decision_that_changes_nothing_counts_as_what_it_is() -> None:
    lines = take(a=Choice("lines", (3, 4)), b=Choice("lines", ()))
    text = "".join(f"{line}\n" for line in LINES[17:25])
    same = take(b=Choice("edit", new_text=text))

    assert [report.hunk_id for report in lines.selected] == [IDS[0]]
    assert [report.hunk_id for report in lines.refused] == IDS[1:]
    assert [report.hunk_id for report in same.refused] == IDS


def test_the_chosen_part_can_be_read_from_its_diff_alone() -> None:
    part = take(a=Choice("apply"), c=Choice("apply")).prepared

    assert part is not None
    assert restore(part.diff, BASES) == part


@st.composite
def proposals(draw: st.DrawFn) -> tuple[list[str], PreparedPatch]:
    lines = draw(unique_texts(least=4))
    changes = draw(changes_of(len(lines), apart=8))
    return lines, prepared(udiff("x", lines, changed(lines, changes)), {"x": content(lines)})


@PROPERTY
@given(proposals())
def test_selecting_everything_is_what_the_model_meant(
    proposal: tuple[list[str], PreparedPatch],
) -> None:
    """R-16."""
    lines, patch = proposal
    bases = {"x": Base(content(lines))}

    everything = select(patch, bases, Selection({h.hunk_id: Choice("apply") for h in patch.hunks}))

    assert everything.prepared == patch


@PROPERTY
@given(proposals(), st.data())
def test_a_part_and_then_the_rest_is_the_whole(
    proposal: tuple[list[str], PreparedPatch], data: st.DataObject
) -> None:
    """R-16. The rest is placed anew, by its content, in what the first part left."""
    lines, patch = proposal
    bases = {"x": Base(content(lines))}
    ids = [hunk.hunk_id for hunk in patch.hunks]
    first = data.draw(st.sets(st.sampled_from(ids)))

    halves = [
        select(patch, bases, Selection(dict.fromkeys(half, Choice("apply")))).prepared
        for half in (first, set(ids) - first)
    ]

    base: bytes | None = content(lines)
    for half in halves:
        if half is not None:
            assert base is not None
            base = prepare(parse_patch(half.diff), {"x": Base(base)}).posts["x"]
    assert base == patch.posts["x"]


@PROPERTY
@given(proposals(), st.data())
def test_lines_are_chosen_as_if_applied_by_hand(
    proposal: tuple[list[str], PreparedPatch], data: st.DataObject
) -> None:
    """R-17."""
    lines, patch = proposal
    (file,) = parse_canonical(patch.diff)
    choices: dict[str, Choice] = {}
    by_hand: list[str] = []
    at = 0
    for review, hunk in zip(patch.hunks, file.hunks, strict=True):
        rows = [row for row, text in enumerate(hunk.rows) if text[0] != " "]
        taken = data.draw(st.sets(st.sampled_from(rows)))
        choices[review.hunk_id] = Choice("lines", tuple(taken))
        by_hand += lines[at : hunk.start]
        by_hand += [
            text[1:-1]
            for row, text in enumerate(hunk.rows)
            if text[0] == " " or (text[0] == "+") == (row in taken)
        ]
        at = hunk.start + len(hunk.old)

    chosen = select(patch, {"x": Base(content(lines))}, Selection(choices)).prepared

    expected = content([*by_hand, *lines[at:]])
    assert (content(lines) if chosen is None else chosen.posts["x"]) == expected


GIT = (
    "diff --git a/from b/to\nold mode 100644\nnew mode 100755\nrename from from\nrename to to\n"
    "--- a/from\n+++ b/to\n@@\n a\n-b\n+B\n"
    "diff --git a/c b/c\nnew file mode 100755\n--- /dev/null\n+++ b/c\n@@\n+one\n+two\n"
    "diff --git a/d b/d\ndeleted file mode 100644\n--- a/d\n+++ /dev/null\n@@\n-x\n-y\n"
    "diff --git a/m b/m\nold mode 100644\nnew mode 100755\n--- a/m\n+++ b/m\n@@\n-m\n+M\n"
)
FILES: dict[str, Base | None] = {
    "from": Base(b"a\nb\n"),
    "d": Base(b"x\ny\n"),
    "m": Base(b"m\n"),
}
ALL = prepare(parse_patch(GIT), FILES)
NAMES: dict[tuple[str, str], str] = {(hunk.path, hunk.subject): hunk.hunk_id for hunk in ALL.hunks}


def ops(*names: tuple[str, str], **choices: Choice) -> SelectedPatch:
    chosen = {NAMES[path, subject]: Choice("apply") for path, subject in names}
    named = {NAMES[path, "lines"]: choice for path, choice in choices.items()}
    return select(ALL, FILES, Selection({**chosen, **named}))


def guards(chosen: SelectedPatch) -> list[tuple[str, str, bool | None]]:
    assert chosen.prepared is not None
    return [(file.op, file.path, file.executable) for file in chosen.prepared.files]


def test_file_operations_are_chosen_like_hunks() -> None:
    assert guards(ops(("to", "rename"))) == [("rename", "to", None)]
    assert guards(ops(("to", "rename"), ("to", "mode"))) == [("rename", "to", True)]
    assert guards(ops(("m", "mode"))) == [("modify", "m", True)]
    assert guards(ops(("m", "lines"))) == [("modify", "m", None)]


@pytest.mark.parametrize("subject", ["lines", "mode"])
def test_what_needs_a_refused_rename_is_refused(subject: str) -> None:
    """R-17."""
    with pytest.raises(ToolError) as caught:
        ops(("to", subject))

    hunk, rename = NAMES["to", subject], NAMES["to", "rename"]
    facts = {"reason": "dependent", "path": "to", "hunk": hunk, "needs": [rename]}
    assert details(caught.value) == ("PATCH_APPLY_FAILED", facts)


def test_a_new_file_may_come_in_part() -> None:
    part = ops(c=Choice("lines", (1,)))

    assert part.prepared is not None
    assert guards(part) == [("create", "c", True)]
    assert part.prepared.posts == {"c": b"two\n"}


@pytest.mark.parametrize(
    ("choice", "op", "post"),
    [
        pytest.param(Choice("apply"), "delete", None, id="whole"),
        pytest.param(Choice("lines", (0,)), "modify", b"y\n", id="one-line"),
        pytest.param(Choice("edit", new_text="z\n"), "modify", b"z\n", id="rewritten"),
        pytest.param(Choice("edit", new_text=""), "delete", None, id="emptied"),
    ],
)
def test_a_deleted_file_stays_when_something_is_left_of_it(
    choice: Choice, op: str, post: bytes | None
) -> None:
    part = ops(d=choice)

    assert part.prepared is not None
    assert guards(part) == [(op, "d", None)]
    assert part.prepared.posts == {"d": post}


@pytest.mark.parametrize("decision", ["lines", "edit"])
def test_a_file_operation_cannot_be_taken_in_part(decision: str) -> None:
    choice = Choice("lines", (0,)) if decision == "lines" else Choice("edit", new_text="x")

    with pytest.raises(ToolError, match="has no lines: apply or refuse it"):
        select(ALL, FILES, Selection({NAMES["m", "mode"]: choice}))


def test_other_bases_than_those_of_the_proposal_are_refused() -> None:
    with pytest.raises(ToolError) as caught:
        select(PATCH, {"x": Base(b"other\n")}, Selection())
    code, facts = details(caught.value)
    assert (code, facts["class"], facts["path"]) == ("CONFLICT", "stale_base", "x")

    with pytest.raises(ToolError) as caught:
        select(ALL, {**FILES, "c": Base(b"there\n")}, Selection())
    assert caught.value.details["expected_sha"] == "absent"
