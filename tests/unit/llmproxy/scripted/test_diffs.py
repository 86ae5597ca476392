from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from codelab_core.patch.build import prepare
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base
from codelab_llmproxy.scripted.diffs import (
    MAX_DIFF_CHARS,
    MAX_LINE_CHARS,
    Edit,
    UnpatchableError,
    apply_edits,
    file_diff,
    replacements,
    split_lines,
)

BLOCK = ["def f():\n", "    return 1\n", "\n"]

texts = st.lists(st.sampled_from(["a\n", "b\n", "ab\n", "\n", "a b a\n", "é\n"]), max_size=30).map(
    "".join
)


def applied(path: str, text: str, diff: str) -> str:
    """What the patch engine makes of a diff; it refuses whatever fits twice."""
    prepared = prepare(parse_patch(diff), {path: Base(text.encode())})
    return (prepared.posts[path] or b"").decode()


def diff_of(lines: Sequence[str], *edits: Edit) -> str:
    return file_diff("src/a.py", lines, edits).text


def test_a_replacement_is_a_hunk_with_three_lines_of_context() -> None:
    lines = [f"line {n}\n" for n in range(1, 10)]

    diff = file_diff("src/a.py", lines, replacements("".join(lines), "line 5", "line five"))

    assert diff.text == (
        "--- a/src/a.py\n+++ b/src/a.py\n@@ -2,7 +2,7 @@\n line 2\n line 3\n line 4\n-line 5\n"
        "+line five\n line 6\n line 7\n line 8\n"
    )
    assert diff.places == (2,)


def test_two_hunks_count_the_lines_that_were_added_before() -> None:
    lines = [f"line {n}\n" for n in range(1, 21)]

    diff = diff_of(lines, Edit(1, 2, ("a\n", "b\n")), Edit(17, 17, ("c\n",)), Edit(18, 20, ()))

    assert [line for line in diff.split("\n") if line.startswith("@@")] == [
        "@@ -1,5 +1,6 @@",
        "@@ -15,6 +16,5 @@",
    ]


def test_hunks_that_touch_are_one() -> None:
    lines = [f"line {n}\n" for n in range(1, 21)]

    diff = file_diff("a", lines, [Edit(4, 5, ("x\n",)), Edit(11, 12, ("y\n",))])

    assert diff.places == (2,)
    assert diff.text.count("@@ ") == 1


def test_context_grows_until_the_old_lines_stand_in_one_place() -> None:
    lines = [*BLOCK * 2, "# one\n", *BLOCK * 5, "# two\n", *BLOCK * 2]
    edit = Edit(14, 15, ("    return 2\n",))

    diff = diff_of(lines, edit)

    assert applied("src/a.py", "".join(lines), diff) == apply_edits(lines, [edit])
    assert diff.count("\n ") == 12


def test_growing_hunks_swallow_their_neighbours() -> None:
    lines = BLOCK * 12
    edits = [Edit(7, 8, ("    return 2\n",)), Edit(22, 23, ("    return 2\n",))]

    diff = file_diff("src/a.py", lines, edits)

    assert diff.places == (1,)
    assert applied("src/a.py", "".join(lines), diff.text) == apply_edits(lines, edits)


def test_a_missing_last_line_break_is_marked() -> None:
    assert diff_of(["a\n", "b"], Edit(1, 2, ("c",))) == (
        "--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n"
        "+c\n\\ No newline at end of file\n"
    )


def test_an_empty_file_is_filled_from_its_line_zero() -> None:
    assert diff_of([], Edit(0, 0, ("a\n",))) == (
        "--- a/src/a.py\n+++ b/src/a.py\n@@ -0,0 +1,1 @@\n+a\n"
    )


def test_a_file_that_repeats_too_often_cannot_be_patched() -> None:
    lines = [*["x" * 80 + "\n"] * (MAX_DIFF_CHARS // 60), "end\n"]

    with pytest.raises(UnpatchableError, match="repeat"):
        diff_of(lines, Edit(len(lines) // 2, len(lines) // 2 + 1, ("y\n",)))


def test_a_line_that_is_too_long_cannot_be_patched() -> None:
    lines = ["a\n", "x" * MAX_LINE_CHARS + "\n", "c\n"]

    with pytest.raises(UnpatchableError, match="too long"):
        diff_of(lines, Edit(0, 1, ("b\n",)))


@pytest.mark.parametrize(
    ("text", "old", "new", "edits"),
    [
        pytest.param("a b a\nc\n", "a", "x", [Edit(0, 1, ("x b x\n",))], id="twice-in-a-line"),
        pytest.param("abc\n", "x", "y", [], id="no-match"),
        pytest.param("a\nb\nc\n", "a\nb", "x", [Edit(0, 2, ("x\n",))], id="over-lines"),
        pytest.param("a\nb\nc", "b\n", "x", [Edit(1, 3, ("xc",))], id="joins-the-next-line"),
        pytest.param("a\nb\n", "b\n", "x", [Edit(1, 2, ("x",))], id="last-line-break"),
        pytest.param("a\na\nb\n", "a\n", "x", [Edit(0, 3, ("xxb\n",))], id="joins-twice"),
        pytest.param("a\n\nb\n", "a\n", "c\n", [Edit(0, 1, ("c\n",))], id="keeps-the-break"),
        pytest.param("a\n", "a", "b\nc", [Edit(0, 1, ("b\n", "c\n"))], id="adds-lines"),
        pytest.param("a\n", "a\n", "", [Edit(0, 1, ())], id="all-gone"),
        pytest.param("aXb\nXc\n", "X", "", [Edit(0, 1, ("ab\n",)), Edit(1, 2, ("c\n",))], id="two"),
        pytest.param("x\x0by\n", "y", "z", [Edit(0, 1, ("x\x0bz\n",))], id="only-lf-ends-lines"),
    ],
)
def test_replacements_cover_whole_lines(text: str, old: str, new: str, edits: list[Edit]) -> None:
    assert replacements(text, old, new) == edits


@settings(max_examples=200)
@given(
    texts,
    st.sampled_from(["a", "ab", "b\n", "a\nb", " ", "\n"]),
    st.sampled_from(["X", "", "X\nY"]),
)
def test_edits_do_what_replace_does(text: str, old: str, new: str) -> None:
    edits = replacements(text, old, new)

    assert apply_edits(split_lines(text), edits) == text.replace(old, new)
    assert all(one.end <= other.start for one, other in pairwise(edits))


@settings(max_examples=200)
@given(texts, st.sampled_from(["a", "ab", "a\nb", " "]), st.integers(1, 8))
def test_the_engine_places_every_diff_and_only_where_it_belongs(
    text: str, old: str, context: int
) -> None:
    edits = replacements(text, old, "XX")
    lines = split_lines(text)
    assume(edits)

    diff = file_diff("src/a.py", lines, edits, context=context)

    assert applied("src/a.py", text, diff.text) == text.replace(old, "XX")
