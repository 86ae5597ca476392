import pytest

from codelab_core.patch.model import FilePatch, Hunk, Line
from codelab_core.patch.search_replace import parse_search_replace, starts_search
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import details

BLOCK = "<<<<<<< SEARCH\na\nb\n=======\na\nc\n>>>>>>> REPLACE\n"
LINES = (Line(" ", "a"), Line("-", "b"), Line("+", "c"))
FILE = FilePatch("modify", "src/x.py", hunks=(Hunk(LINES),), ascending=False)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"src/x.py\n{BLOCK}", id="plain"),
        pytest.param(f"Sure:\n\nsrc/x.py\n```python\n{BLOCK}```\nDone.\n", id="path-before-fence"),
        pytest.param(f"```\nsrc/x.py\n{BLOCK}```\n", id="path-in-fence"),
        pytest.param(f"### `src/x.py`:\n\n```python\n{BLOCK}```\n", id="decorated"),
        pytest.param(f"File: src/x.py\n{BLOCK}", id="labelled"),
        pytest.param(f"src/x.py\n{BLOCK}".replace("\n", "\r\n"), id="crlf"),
    ],
)
def test_the_path_stands_before_the_block_in_many_forms(text: str) -> None:
    assert parse_search_replace(text) == [FILE]


def test_a_block_without_a_path_belongs_to_the_file_before() -> None:
    text = f"src/x.py\n```python\n{BLOCK}```\n\n```python\n{BLOCK}```\n"

    assert parse_search_replace(text) == [FILE, FILE]


def test_an_empty_search_makes_a_new_file() -> None:
    blocks = (
        "<<<<<<< SEARCH\n=======\na\n>>>>>>> REPLACE\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n"
    )

    assert parse_search_replace(f"x\n{blocks}") == [
        FilePatch("create", "x", hunks=(Hunk((Line("+", "a"),)),)),
        FilePatch("create", "x"),
    ]


def test_fences_and_markers_of_others_inside_a_block_are_content() -> None:
    text = "x.md\n<<<<<<< SEARCH\n```\n--- a/y\n=======\n```js\n--- a/y\n>>>>>>> REPLACE\n"

    (file,) = parse_search_replace(text)

    assert file.hunks[0].lines == (Line("-", "```"), Line("+", "```js"), Line(" ", "--- a/y"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(BLOCK, 1, id="no-path"),
        pytest.param(f"a\n\n\n\n{BLOCK}", 5, id="path-too-far-away"),
        pytest.param("x\n<<<<<<< SEARCH\na\n", 2, id="no-divider"),
        pytest.param("x\n<<<<<<< SEARCH\na\n=======\nb\n", 2, id="no-end"),
        pytest.param(f"x\n<<<<<<< SEARCH\na\n=======\nb\n{BLOCK}", 2, id="no-end-before-the-next"),
        pytest.param(
            "x\n<<<<<<< SEARCH\na\n=======\nb\n=======\n>>>>>>> REPLACE\n", 2, id="two-dividers"
        ),
        pytest.param("x\n=======\n", 2, id="divider-alone"),
        pytest.param("x\n>>>>>>> REPLACE\n", 2, id="end-alone"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(text: str, line: int) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        parse_search_replace(text)

    assert details(caught.value) == ("PATCH_INVALID", {"reason": "syntax", "line": line})


def test_a_path_outside_is_refused() -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        parse_search_replace(f"../x\n{BLOCK}")

    assert details(caught.value) == ("INVALID_PATH", {"path": "../x", "rule": "segment"})


def test_the_opening_mark_tells_the_dialect() -> None:
    lines = ["<<<<<<< SEARCH", "<<<<< SEARCH:", "<<<<<<< HEAD", " <<<<<<< SEARCH"]

    assert [starts_search(line) for line in lines] == [True, True, False, False]
