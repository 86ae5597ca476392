from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_client.excerpt import Excerpt, character_spans, excerpt
from codelab_core.patch.text import TextFile
from codelab_core.tool_errors import ToolCode, ToolError

LIMIT = 1 << 20

CUTS = [
    pytest.param(b"", 1, None, ("", 1, 0, 0, False, "none", False), id="empty"),
    pytest.param(b"", 1, 5, ("", 1, 0, 0, False, "none", False), id="empty-with-range"),
    pytest.param(b"a\nb\n", 1, None, ("a\nb\n", 1, 2, 2, False, "lf", False), id="whole"),
    pytest.param(b"a\nb\nc", 2, 3, ("b\nc", 2, 3, 3, False, "lf", False), id="no-final-newline"),
    pytest.param(b"a\nb\nc\n", 2, 2, ("b\n", 2, 2, 3, False, "lf", False), id="middle"),
    pytest.param(b"a\nb\n", 2, 99, ("b\n", 2, 2, 2, False, "lf", False), id="end-past-the-file"),
    pytest.param(b"a\r\nb\r\n", 2, 2, ("b\r\n", 2, 2, 2, False, "crlf", False), id="crlf"),
    pytest.param(b"a\rb\r", 2, 2, ("b\r", 2, 2, 2, False, "cr", False), id="cr-only"),
    pytest.param(b"a\rb\nc", 1, 1, ("a\rb\n", 1, 1, 2, False, "mixed", False), id="cr-and-lf"),
    pytest.param(b"\xef\xbb\xbfa\n", 1, None, ("a\n", 1, 1, 1, False, "lf", True), id="bom"),
    pytest.param(b"\xef\xbb\xbf", 1, None, ("", 1, 0, 0, False, "none", True), id="only-a-bom"),
    pytest.param(b"\n\n", 2, 2, ("\n", 2, 2, 2, False, "lf", False), id="blank-lines"),
]


@pytest.mark.parametrize(("content", "start", "end", "expected"), CUTS)
def test_a_range_is_cut_from_the_bytes(
    content: bytes, start: int, end: int | None, expected: tuple[Any, ...]
) -> None:
    assert Excerpt(*expected) == excerpt(content, start, end, LIMIT)


def test_an_excerpt_ends_at_the_last_line_border_that_fits() -> None:
    cut = excerpt(b"aaa\nbbb\nccc\n", 1, None, 9)

    assert Excerpt("aaa\nbbb\n", 1, 2, 3, truncated=True, eol="lf", bom=False) == cut


def test_an_excerpt_of_exactly_the_limit_is_whole() -> None:
    assert not excerpt(b"aaa\nbbb\n", 1, None, 8).truncated


def test_a_line_longer_than_the_limit_is_cut_at_a_character() -> None:
    cut = excerpt(b"x\n" + "é".encode() * 10, 2, None, 7)

    assert Excerpt("ééé", 2, 2, 2, truncated=True, eol="lf", bom=False) == cut


@pytest.mark.parametrize(
    ("content", "start", "end"),
    [
        pytest.param(b"", 2, None, id="empty-file"),
        pytest.param(b"a\n", 2, None, id="past-the-end"),
        pytest.param(b"a\nb\n", 2, 1, id="backwards"),
    ],
)
def test_a_range_that_is_not_there_names_the_number_of_lines(
    content: bytes, start: int, end: int | None
) -> None:
    with pytest.raises(ToolError) as caught:
        excerpt(content, start, end, LIMIT)

    assert caught.value.code == ToolCode.INVALID_RANGE
    assert {"total_lines": content.count(b"\n")} == caught.value.details


def test_a_nul_makes_a_file_binary() -> None:
    with pytest.raises(ToolError) as caught:
        excerpt(b"\x89PNG\0", 1, None, LIMIT)

    assert (caught.value.code, caught.value.details) == (ToolCode.BINARY_FILE, {"size": 5})


@pytest.mark.parametrize(
    ("content", "offset"),
    [
        pytest.param(b"abc\xe9\n", 3, id="latin-1"),
        pytest.param(b"a" * (1 << 20) + b"\xff", 1 << 20, id="in-the-second-step"),
        pytest.param(b"a" * ((1 << 20) - 1) + b"\x80" * 9, (1 << 20) - 1, id="no-border-near"),
    ],
)
def test_bytes_that_are_no_utf8_are_named_by_their_offset(content: bytes, offset: int) -> None:
    with pytest.raises(ToolError) as caught:
        excerpt(content, 1, None, LIMIT)

    assert (ToolCode.ENCODING_ERROR, {"offset": offset}) == (
        caught.value.code,
        caught.value.details,
    )


def test_the_last_lines_of_a_file_of_many_steps_are_found() -> None:
    content = b"".join(b"%d\n" % number for number in range(300_000))

    cut = excerpt(content, 299_999, 300_000, LIMIT)

    assert (cut.content, cut.total_lines) == ("299998\n299999\n", 300_000)


@settings(max_examples=200, deadline=None)
@given(st.text("ab\n\ré\ufeff"), st.integers(1, 9), st.integers(1, 9))
def test_lines_are_those_of_the_patch_engine(text: str, start: int, length: int) -> None:
    content = text.encode()
    file = TextFile.from_bytes(content)
    end = start + length - 1
    if start > max(len(file.lines), 1):
        return

    cut = excerpt(content, start, end, LIMIT)

    assert "".join(file.lines[start - 1 : end]) == cut.content
    assert (len(file.lines), file.bom, file.eol) == (cut.total_lines, cut.bom, cut.eol)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.integers(4, 20))
def test_spans_hold_everything_and_no_half_of_a_character(text: str, size: int) -> None:
    encoded = text.encode()

    spans = list(character_spans(encoded, size))

    assert text == "".join(encoded[span].decode() for span in spans)
    assert all(span.stop - span.start <= size for span in spans)
    assert all(before.stop == after.start for before, after in pairwise(spans))
