"""What a session knows of the workspace's files."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.patch.text import sha256_of
from codelab_runtime.files import (
    BOM,
    MAX_BASE_BYTES,
    Files,
    KnownFile,
    Piece,
    learn_read,
    learn_write,
    mark_stale,
)

TEXT = "one\ntwo\nthree\n"
SHA = sha256_of(TEXT.encode())


def read(start: int, end: int, text: str = TEXT, **fields: Any) -> dict[str, Any]:
    lines = text.splitlines(keepends=True)
    return {
        "success": True,
        "content": "".join(lines[start - 1 : end]),
        "sha256": sha256_of(text.encode()),
        "start_line": start,
        "end_line": end,
        "total_lines": len(lines),
        **fields,
    }


def learnt(*results: dict[str, Any]) -> KnownFile:
    files: Files = {}
    for result in results:
        files = learn_read(files, "a", result)
    return files["a"]


def test_a_whole_file_is_known_by_its_bytes() -> None:
    found = learnt(read(1, 3, executable=True))

    assert found == KnownFile(SHA, TEXT.encode(), executable=True, total_lines=3)
    assert found.missing is None


def test_a_byte_order_mark_is_part_of_the_file() -> None:
    sha = sha256_of(BOM + TEXT.encode())

    assert learnt(read(1, 3, sha256=sha, bom=True)).content == BOM + TEXT.encode()


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        pytest.param([(1, 1)], (2, 3), id="the end"),
        pytest.param([(2, 2)], (1, 1), id="the beginning"),
        pytest.param([(1, 1), (3, 3)], (2, 2), id="the middle"),
        pytest.param([(3, 3), (1, 2)], None, id="any order"),
        pytest.param([(1, 2), (2, 3)], None, id="overlapping"),
        pytest.param([(2, 2), (1, 3)], None, id="one that holds the other"),
    ],
)
def test_pieces_make_a_file_when_none_is_missing(
    parts: list[tuple[int, int]], missing: tuple[int, int] | None
) -> None:
    found = learnt(*(read(*part) for part in parts))

    assert found.missing == missing
    assert found.content == (TEXT.encode() if missing is None else None)


def test_pieces_of_another_version_count_no_more() -> None:
    other = read(2, 3, "one\ntwo\nfour\n")

    found = learnt(read(1, 1), other)

    assert (found.sha, found.missing) == (other["sha256"], (1, 1))


def test_pieces_that_do_not_make_what_the_hash_says_are_not_believed() -> None:
    found = learnt(read(1, 1, sha256=SHA), read(2, 3, sha256=SHA, content="2\n3\n"))

    assert found.content is None
    assert found.pieces == (Piece(2, 3, "2\n3\n"),)
    assert found.missing == (1, 1)


def test_a_part_of_a_known_file_leaves_it_known() -> None:
    whole = learnt(read(1, 3))

    assert learnt(read(1, 3), read(2, 2)) == whole


def test_a_read_makes_a_stale_file_known_again() -> None:
    stale = mark_stale({"a": learnt(read(1, 3))}, "a")

    part = learn_read(stale, "a", read(2, 2))["a"]
    whole = learn_read(stale, "a", read(1, 3))["a"]

    assert (part.stale, part.content, part.missing) == (False, None, (1, 1))
    assert (whole.stale, whole.content) == (False, TEXT.encode())


def test_a_client_without_hashes_is_taken_at_its_word_for_whole_files() -> None:
    assert learnt({"content": TEXT}) == KnownFile(SHA, TEXT.encode())
    assert learn_read({}, "a", {"content": TEXT, "truncated": True}) == {}
    assert learn_read({}, "a", {"content": "x" * (MAX_BASE_BYTES + 1)}) == {}


@pytest.mark.parametrize("result", [{}, {"content": 1}, {"content": None}])
def test_a_result_without_text_teaches_nothing(result: dict[str, Any]) -> None:
    assert learn_read({}, "a", result) == {}


@pytest.mark.parametrize("count", [None, True, "3", 1.5])
def test_counts_that_are_none_are_zero(count: Any) -> None:
    assert learnt(read(1, 1, total_lines=count)).total_lines == 0


def test_pieces_of_a_file_too_large_for_patches_are_not_joined() -> None:
    text = ("x" * (MAX_BASE_BYTES // 2) + "\n") * 3

    found = learnt(read(1, 1, text), read(2, 3, text))

    assert found.content is None


def test_a_write_is_known_and_keeps_the_mode() -> None:
    files = {"a": learnt(read(1, 3, executable=True))}

    assert learn_write(files, "a", b"x")["a"] == KnownFile(sha256_of(b"x"), b"x", executable=True)
    assert learn_write(files, "a", b"x", executable=False)["a"].executable is False
    assert learn_write({}, "b", b"x")["b"].executable is False


def test_a_file_that_is_gone_has_nothing_missing() -> None:
    gone = learn_write({}, "a", None)["a"]

    assert (gone.sha, gone.content, gone.missing) == ("absent", None, None)


def test_an_unknown_file_cannot_be_stale() -> None:
    assert mark_stale({}, "a") == {}


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 6)), max_size=12))
def test_a_file_is_known_exactly_when_all_its_lines_were_read(
    ranges: list[tuple[int, int]],
) -> None:
    text = "".join(f"line {n}\n" for n in range(12))
    seen: set[int] = set()
    files: Files = {}
    for start, more in ranges:
        end = min(start + more, 12)
        seen |= set(range(start, end + 1))
        files = learn_read(files, "a", read(start, end, text))

    known = files.get("a")
    assert (known is not None and known.content == text.encode()) == (len(seen) == 12)
    if known and known.missing:
        assert known.missing[0] == min(set(range(1, 13)) - seen)
