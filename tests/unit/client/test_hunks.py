from codelab_client.hunks import Shown, hunks_of
from codelab_core.patch.build import prepare
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base
from codelab_core.protocol.events import ToolCall

PATCH = """\
--- a/a.py
+++ b/a.py
@@ -1,2 +1,2 @@
-one
+ONE
 two
--- a/b.py
+++ b/b.py
@@ -1 +1 @@
-three
+THREE
"""


def review_call(patch: str, **files: str) -> ToolCall:
    bases = {path.replace("_", "."): Base(text.encode()) for path, text in files.items()}
    prepared = prepare(parse_patch(patch), bases)
    return ToolCall(
        seq=1,
        turn_id="t1",
        message_id="m1-1-0",
        call_id="c1-1-0",
        tool_name="apply_patch_review",
        arguments={"diff": prepared.diff},
        requires_approval=False,
        digest=prepared.digest,
        guard={"files": [change.guard() for change in prepared.files]},
        review={"hunks": [hunk.to_wire() for hunk in prepared.hunks]},
    )


def test_each_hunk_has_its_number_place_diff_and_new_text() -> None:
    call = review_call(PATCH, a_py="one\ntwo\n", b_py="three\n")

    hunks = hunks_of(call)

    ids = [hunk["hunk_id"] for hunk in (call.review or {})["hunks"]]
    assert hunks == {
        1: Shown(ids[0], "a.py:1", "@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n", "ONE\ntwo\n"),
        2: Shown(ids[1], "b.py:1", "@@ -1 +1 @@\n-three\n+THREE\n", "THREE\n"),
    }


def test_a_change_without_lines_is_shown_as_the_file() -> None:
    patch = "diff --git a/a.py b/c.py\nsimilarity index 100%\nrename from a.py\nrename to c.py\n"

    hunks = hunks_of(review_call(patch, a_py="one\n"))

    assert [hunk.title for hunk in hunks.values()] == ["c.py (file)"]


def test_a_call_without_review_has_no_hunks() -> None:
    call = review_call(PATCH, a_py="one\ntwo\n", b_py="three\n")

    assert hunks_of(call.model_copy(update={"review": None})) == {}


def test_only_line_feeds_end_lines() -> None:
    patch = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-one\x0cpage\u2028\n+ONE\x0cpage\u2028\n"

    hunks = hunks_of(review_call(patch, a_py="one\x0cpage\u2028\n"))

    assert hunks[1].new_text == "ONE\x0cpage\u2028\n"
