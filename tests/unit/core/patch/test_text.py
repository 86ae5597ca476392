import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.text import TextFile, end_of, sha256_of, split_lf, without_end
from codelab_core.tool_errors import ToolCode, ToolError
from unit.core.patch.cases import PROPERTY, details

TEXTS = st.text(st.sampled_from("ab \t\r\n\u2028\x0c\ufeffé😀"), max_size=40)


@PROPERTY
@given(TEXTS)
def test_bytes_of_any_text_come_out_as_they_went_in(text: str) -> None:
    """R-16."""
    content = text.encode()

    file = TextFile.from_bytes(content)

    assert file.to_bytes() == content
    assert "".join(file.lines) == text.removeprefix("\ufeff")


@PROPERTY
@given(TEXTS)
def test_every_line_is_its_text_and_its_end(text: str) -> None:
    file = TextFile.from_text(text, bom=False)

    texts = file.texts()

    ends = [line[len(bare) :] for line, bare in zip(file.lines, texts, strict=True)]
    assert set(ends) <= {"\n", "\r\n", "\r", ""}
    assert "" not in ends[:-1]


@pytest.mark.parametrize(
    ("content", "lines", "eol", "usual"),
    [
        pytest.param(b"", (), "none", "\n", id="empty"),
        pytest.param(b"a", ("a",), "none", "\n", id="no-newline"),
        pytest.param(b"a\nb", ("a\n", "b"), "lf", "\n", id="lf"),
        pytest.param(b"a\r\nb\r\n", ("a\r\n", "b\r\n"), "crlf", "\r\n", id="crlf"),
        pytest.param(b"a\rb", ("a\r", "b"), "cr", "\r", id="cr"),
        pytest.param(b"a\r\nb\nc\n", ("a\r\n", "b\n", "c\n"), "mixed", "\n", id="mixed"),
        pytest.param(b"a\rb\n", ("a\rb\n",), "mixed", "\n", id="a-lone-cr-cuts-no-line-beside-lf"),
        pytest.param(b"a\nb\r", ("a\n", "b\r"), "mixed", "\n", id="nor-does-one-at-the-very-end"),
        pytest.param(
            "a\u2028b\x0c\n".encode(), ("a\u2028b\x0c\n",), "lf", "\n", id="nor-other-breaks"
        ),
    ],
)
def test_lines_are_cut_at_lf_and_only_without_any_at_cr(
    content: bytes, lines: tuple[str, ...], eol: str, usual: str
) -> None:
    file = TextFile.from_bytes(content)

    assert (file.lines, file.eol, file.usual_end) == (lines, eol, usual)


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    file = TextFile.from_bytes(b"\xef\xbb\xbfa\n")

    assert file == TextFile(("a\n",), bom=True)
    assert file.raw_text == "\ufeffa\n"


@pytest.mark.parametrize(
    ("content", "code", "facts"),
    [
        pytest.param(b"\x89PNG\r\n\0", ToolCode.BINARY_FILE, {"size": 7}, id="nul"),
        pytest.param(b"ab\xff", ToolCode.ENCODING_ERROR, {"offset": 2}, id="latin-1"),
        pytest.param(b"a\xc3", ToolCode.ENCODING_ERROR, {"offset": 1}, id="cut-character"),
    ],
)
def test_what_is_no_text_is_named(content: bytes, code: ToolCode, facts: dict[str, int]) -> None:
    """T-11."""
    with pytest.raises(ToolError) as caught:
        TextFile.from_bytes(content)

    assert details(caught.value) == (code, facts)


@pytest.mark.parametrize(
    ("content", "bare"),
    [
        pytest.param(b"", False, id="no-line"),
        pytest.param(b"a", True, id="no-newline"),
        pytest.param(b"a\n", False, id="lf"),
        pytest.param(b"a\rb", True, id="cr-before"),
        pytest.param(b"a\r", False, id="cr"),
        pytest.param(b"a\nb\r", True, id="cr-beside-lf"),
    ],
)
def test_a_last_line_may_be_bare(content: bytes, *, bare: bool) -> None:
    assert TextFile.from_bytes(content).ends_bare == bare


def test_texts_are_lines_without_their_ends() -> None:
    assert TextFile.from_bytes(b"a\r\nb\n c").texts() == ["a", "b", " c"]
    assert TextFile.from_bytes(b"a\r\rb").texts() == ["a", "", "b"]


def test_the_end_of_a_line_is_lf_crlf_or_nothing() -> None:
    lines = ["a\n", "a\r\n", "a", "a\r", "\r\r\n"]

    assert [(without_end(line), end_of(line)) for line in lines] == [
        ("a", "\n"),
        ("a", "\r\n"),
        ("a", ""),
        ("a\r", ""),
        ("\r", "\r\n"),
    ]


def test_git_cuts_lines_at_lf_only() -> None:
    assert split_lf("a\rb\r\n\nc\r") == ["a\rb\r\n", "\n", "c\r"]


def test_the_hash_of_an_absent_file_is_a_word() -> None:
    assert sha256_of(None) == "absent"
    assert sha256_of(b"") == hashlib.sha256(b"").hexdigest()
