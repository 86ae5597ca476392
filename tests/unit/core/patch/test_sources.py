import pytest

from codelab_core.patch.failures import BASE_MAX_BYTES
from codelab_core.patch.model import FilePatch, Hunk, Line
from codelab_core.patch.prepared import Base
from codelab_core.patch.sources import base_of, text_of
from codelab_core.patch.text import TextFile, sha256_of
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import details

HUNKS = (Hunk((Line("+", "a"),)),)
MODIFY = FilePatch("modify", "x", hunks=HUNKS)
CREATE = FilePatch("create", "x", hunks=HUNKS)
DELETE = FilePatch("delete", "x")
RENAME = FilePatch("rename", "x", "y", HUNKS)
BASE = Base(b"a\n")


def test_the_base_of_a_change_is_the_file_at_its_old_path() -> None:
    assert base_of(MODIFY, {"x": BASE}) is BASE
    assert base_of(DELETE, {"x": BASE}) is BASE
    assert base_of(RENAME, {"y": BASE}) is BASE
    assert base_of(CREATE, {"x": None}) is None


@pytest.mark.parametrize(("file", "path"), [(MODIFY, "x"), (DELETE, "x"), (RENAME, "y")])
def test_a_file_that_is_not_known_must_be_read_first(file: FilePatch, path: str) -> None:
    with pytest.raises(ToolError) as caught:
        base_of(file, {"y": None, "x": None})

    assert details(caught.value) == ("READ_FIRST", {"path": path})


@pytest.mark.parametrize("file", [CREATE, RENAME], ids=["create", "rename"])
def test_a_path_that_is_taken_is_a_conflict(file: FilePatch) -> None:
    with pytest.raises(ToolError) as caught:
        base_of(file, {"x": BASE, "y": BASE})

    shas = {"expected_sha": "absent", "actual_sha": sha256_of(b"a\n")}
    assert details(caught.value) == ("CONFLICT", {"class": "stale_base", "path": "x", **shas})


def test_a_base_has_a_limit() -> None:
    """T-10."""
    limit = Base(b"x" * BASE_MAX_BYTES)
    assert base_of(MODIFY, {"x": limit}) is limit

    with pytest.raises(ToolError) as caught:
        base_of(MODIFY, {"x": Base(b"x" * (BASE_MAX_BYTES + 1))})

    assert details(caught.value) == (
        "PATCH_INVALID",
        {
            "reason": "too_large",
            "what": "bytes in a file",
            "limit": 2_097_152,
            "actual": 2_097_153,
            "path": "x",
        },
    )


def test_text_is_only_asked_for_where_lines_change() -> None:
    binary = Base(b"\0\xff")
    empty = TextFile((), bom=False)

    assert text_of(MODIFY, BASE) == TextFile(("a\n",), bom=False)
    assert text_of(DELETE, BASE) == TextFile(("a\n",), bom=False)
    assert text_of(CREATE, None) == empty
    assert text_of(FilePatch("rename", "x", "y"), binary) == empty
    assert text_of(FilePatch("modify", "x", executable=True), binary) == empty


@pytest.mark.parametrize(
    ("content", "code", "facts"),
    [
        pytest.param(b"\0", "BINARY_FILE", {"path": "x", "size": 1}, id="binary"),
        pytest.param(b"a\xff", "ENCODING_ERROR", {"path": "x", "offset": 1}, id="latin-1"),
    ],
)
def test_a_base_that_is_no_text_is_named(content: bytes, code: str, facts: object) -> None:
    """T-11."""
    with pytest.raises(ToolError) as caught:
        text_of(DELETE, Base(content))

    assert details(caught.value) == (code, facts)
