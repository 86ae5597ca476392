import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.build import prepare
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import PROPERTY, details, udiff

UNIFIED = "--- a/x\n+++ b/x\n@@\n a\n-b\n+c\n"
BLOCK = "x\n<<<<<<< SEARCH\na\nb\n=======\na\nc\n>>>>>>> REPLACE\n"
V4A = "*** Begin Patch\n*** Update File: x\n@@\n a\n-b\n+c\n*** End Patch\n"
GIT = (
    "diff --git a/x b/x\nindex 422c2b7..0fdf397 100644\n--- a/x\n+++ b/x\n"
    "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
)


@pytest.mark.parametrize("wrapped", ["{}", "Sure, here it is.\n\n```diff\n{}```\n\nDone, enjoy.\n"])
@pytest.mark.parametrize("text", [UNIFIED, GIT, V4A, BLOCK], ids=["unified", "git", "v4a", "block"])
def test_one_edit_gives_equal_bytes_in_every_dialect(text: str, wrapped: str) -> None:
    """R-15."""
    patch = parse_patch(wrapped.format(text))

    ready = prepare(patch, {"x": Base(b"0\na\nb\nz\n")})

    assert ready.posts == {"x": b"0\na\nc\nz\n"}


def test_hunks_are_numbered_over_the_patch_and_merged_by_path() -> None:
    other = UNIFIED.replace("/x", "/y")

    patch = parse_patch(UNIFIED + other + UNIFIED)

    assert [(file.path, file.ascending) for file in patch.files] == [("x", False), ("y", True)]
    assert [[hunk.ordinal for hunk in file.hunks] for file in patch.files] == [[1, 3], [2]]


def test_a_mode_may_come_with_the_first_or_the_second_mention() -> None:
    mode = "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n"

    assert parse_patch(mode + UNIFIED).files[0].executable is True
    assert parse_patch(GIT + mode).files[0].executable is True


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("*** Delete File: x\n*** Add File: x\n+a\n", id="deleted-and-created"),
        pytest.param("*** Add File: x\n+a\n*** Update File: x\n+b\n", id="created-and-changed"),
        pytest.param(
            "*** Update File: x\n*** Move to: y\n*** Add File: x\n+a\n", id="name-re-used"
        ),
    ],
)
def test_a_path_with_two_operations_is_refused(text: str) -> None:
    with pytest.raises(ToolError) as caught:
        parse_patch(text)

    assert details(caught.value) == ("PATCH_INVALID", {"reason": "unsupported", "path": "x"})


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        pytest.param("", {"reason": "no_hunks"}, id="empty"),
        pytest.param("I could not do it.", {"reason": "no_hunks"}, id="prose"),
        pytest.param("--- a/x\n+++ b/x\n", {"reason": "no_hunks", "path": "x"}, id="no-hunk"),
        pytest.param("@@ -1 +1 @@\n-a\n+b\n", {"reason": "syntax", "line": 1}, id="no-file"),
        pytest.param(UNIFIED + "+\0\n", {"reason": "syntax", "line": 7}, id="nul"),
        pytest.param(UNIFIED + "+\ud800\n", {"reason": "syntax", "line": 7}, id="half-a-pair"),
    ],
)
def test_a_text_that_is_no_patch_is_refused(text: str, facts: dict[str, object]) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        parse_patch(text)

    assert details(caught.value) == ("PATCH_INVALID", facts)


def deletions(count: int) -> str:
    return "".join(f"*** Delete File: {number}\n" for number in range(count))


def hunks(count: int) -> str:
    return "--- a/x\n+++ b/x\n" + "@@\n-a\n" * count


def long_line(size: int) -> str:
    return f"--- a/x\n+++ b/x\n@@\n-a\n+{'é' * ((size - 1) // 2)}\n"


def long_patch(size: int) -> str:
    line = "+" + "x" * 1_022 + "\n"
    text = "--- a/x\n+++ b/x\n@@\n-a\n" + line * 511
    return text + "+" * (size - len(text) - 1) + "\n"


@pytest.mark.parametrize(
    ("make", "what", "limit", "step"),
    [
        pytest.param(deletions, "files", 200, 1, id="files"),
        pytest.param(hunks, "hunks", 2_000, 1, id="hunks"),
        pytest.param(long_patch, "bytes", 524_288, 1, id="bytes"),
        pytest.param(long_line, "bytes in a line", 65_535, 2, id="line"),
    ],
)
def test_bounds_hold_at_the_limit_and_break_above_it(
    make: object, what: str, limit: int, step: int
) -> None:
    """T-10."""
    assert callable(make)
    parse_patch(make(limit))

    with pytest.raises(ToolError) as caught:
        parse_patch(make(limit + step))

    code, facts = details(caught.value)
    assert (code, facts["reason"], facts["what"]) == ("PATCH_INVALID", "too_large", what)
    assert facts["actual"] == limit + step


TEXTS = {
    "unified": UNIFIED + udiff("y", ["a", "b", "c"], ["a", "x", "c"]),
    "git": GIT
    + "diff --git a/d b/d\ndeleted file mode 100644\n--- a/d\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n",
    "v4a": V4A
    + "*** Begin Patch\n*** Add File: n\n+a\n*** Update File: y\n*** Move to: z\n@@ a\n-b\n",
    "block": f"```\n{BLOCK}```\n{BLOCK}",
}
PIECES = [
    "@@",
    "-",
    "+",
    " ",
    "\n",
    "\r",
    "\\ ",
    "--- a/x\n+++ b/x\n",
    "diff --git ",
    "*** ",
    "```",
    "=",
    ">",
    "\ufeff",
    "\0",
    "é",
    "/dev/null",
    "../",
    '"',
    "<<<<<<< SEARCH\n",
    "*** End of File\n",
    ",",
    "9" * 30,
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(sorted(TEXTS.values())))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        gone = draw(st.integers(0, 6))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[start + gone :]
    return text


@PROPERTY
@given(st.lists(mutated(), min_size=10, max_size=10))
def test_mutated_patches_are_placed_or_refused_with_a_code(texts: list[str]) -> None:
    """R-15. Ten mutations in each example."""
    base = Base(b"a\nb\nc\n")
    bases = dict.fromkeys("xyd", base)

    for text in texts:
        try:
            ready = prepare(parse_patch(text), bases)
        except ToolError:
            continue

        assert ready.posts
