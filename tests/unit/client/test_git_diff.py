from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_client.git_diff import ChangedFile, Diff, DiffText, parse_files
from codelab_core.tools import DIFF_MAX_BYTES, DIFF_MAX_FILE_BYTES, DIFF_MAX_FILES

SHAS = "100644 100644 422c2b7 0f7bc76"


def raw(*fields: str) -> bytes:
    return "".join(f"{field}\0" for field in fields).encode()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(
            raw(f":{SHAS} M", "a.txt", "3\t1\ta.txt"),
            [ChangedFile("a.txt", "M", additions=3, deletions=1)],
            id="modified",
        ),
        pytest.param(
            raw(f":{SHAS} R087", "old name", "né", "1\t0\t", "old name", "né"),
            [ChangedFile("né", "R", "old name", additions=1, deletions=0)],
            id="renamed",
        ),
        pytest.param(
            raw(f":{SHAS} M", "a.png", "-\t-\ta.png"),
            [ChangedFile("a.png", "M", binary=True)],
            id="binary",
        ),
        pytest.param(
            raw(f"::100644 {SHAS} 0000000 MM", "a.txt"), [ChangedFile("a.txt", "U")], id="conflict"
        ),
        pytest.param(
            raw(f":{SHAS} U", "a.txt", f":{SHAS} M", "a.txt", "4\t0\ta.txt"),
            [ChangedFile("a.txt", "U")],
            id="conflict-first",
        ),
        pytest.param(
            raw(f":{SHAS} M", "a.txt", f":{SHAS} U", "a.txt"),
            [ChangedFile("a.txt", "U")],
            id="conflict-last",
        ),
        pytest.param(raw(f":{SHAS} X", "a"), [ChangedFile("a", "M")], id="unknown-status"),
        pytest.param(
            raw(f":{SHAS} M", "a", f":{SHAS} M") + b"cut", [ChangedFile("a", "M")], id="cut"
        ),
        pytest.param(
            raw(f":{SHAS} M", "a", "", "1\t1\ta"),
            [ChangedFile("a", "M", additions=1, deletions=1)],
            id="empty-field",
        ),
        pytest.param(raw(f":{SHAS} M", "a", "1\t1\tb"), [ChangedFile("a", "M")], id="uncounted"),
    ],
)
def test_files_are_read_from_raw_and_counts(output: bytes, expected: list[ChangedFile]) -> None:
    assert expected == parse_files(output)


def test_a_file_on_the_wire_has_no_empty_facts() -> None:
    file = ChangedFile("a", "M", additions=0, deletions=2)

    assert file.to_wire(omitted=False) == {
        "path": "a",
        "status": "M",
        "additions": 0,
        "deletions": 2,
    }
    assert file.to_wire(omitted=True)["omitted"] is True


def part(path: str, *hunks: int) -> bytes:
    """One file of a diff whose hunks have so many bytes."""
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    return (head + "".join("@@ -1 +1 @@\n+" + "x" * (size - 14) + "\n" for size in hunks)).encode()


def collected(paths: list[str], output: bytes, step: int = 1 << 16) -> Diff:
    text = DiffText([ChangedFile(path, "M") for path in paths])
    for start in range(0, len(output), step):
        text.feed(output[start : start + step])
    return text.close(complete=True)


def changed(*paths: str, omitted: str = "") -> list[dict[str, Any]]:
    return [ChangedFile(path, "M").to_wire(omitted=path == omitted) for path in paths]


def test_a_small_diff_is_kept_whole() -> None:
    output = part("a", 20) + part("b", 20, 30)

    diff = collected(["a", "b"], output)

    assert Diff(output.decode(), changed("a", "b"), len(output), truncated=False) == diff


def test_no_output_is_no_change() -> None:
    assert Diff("", [], 0, truncated=False) == collected(["only-new-times"], b"")


def test_files_without_a_part_in_the_text_have_not_changed() -> None:
    output = part("b", 20)

    assert changed("b") == collected(["a", "b"], output).files


def test_a_file_that_changed_its_type_has_two_parts() -> None:
    output = part("a", 20) + part("a", 20)

    assert Diff(output.decode(), changed("a"), len(output), truncated=False) == collected(
        ["a"], output
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 400))
def test_where_chunks_end_does_not_matter(step: int) -> None:
    output = part("a", 20) + part("b", 20, 30) + part("c", 100)

    assert output.decode() == collected(["a", "b", "c"], output, step).text


@pytest.mark.parametrize("step", [1 << 16, 1 << 24])
def test_a_file_above_a_mebibyte_is_left_out(step: int) -> None:
    small, large = part("a", 20), part("b", DIFF_MAX_FILE_BYTES)
    output = small + large + part("c", 20)

    diff = collected(["a", "b", "c"], output, step)

    text = (small + part("c", 20)).decode()
    assert Diff(text, changed("a", "b", "c", omitted="b"), len(output), truncated=True) == diff


def test_a_file_of_exactly_a_mebibyte_is_kept() -> None:
    output = part("b", DIFF_MAX_FILE_BYTES - len(part("b")))

    assert output.decode() == collected(["b"], output).text


def test_the_whole_is_cut_at_a_file_then_at_a_hunk() -> None:
    half = DIFF_MAX_FILE_BYTES // 2
    paths = [f"f{number}" for number in range(13)]
    output = b"".join(part(path, half // 8, half // 4, half // 2) for path in paths).decode()

    diff = collected(paths, output.encode())

    assert len(diff.text) <= DIFF_MAX_BYTES
    assert output.startswith(diff.text)
    assert output[len(diff.text) :].startswith("@@ ")
    assert (changed(*paths), len(output), True) == (diff.files, diff.size, diff.truncated)


def test_a_file_whose_first_hunk_does_not_fit_is_left_out_whole() -> None:
    paths = [f"f{number}" for number in range(6)]
    whole = [part(path, DIFF_MAX_FILE_BYTES - 100) for path in paths]

    diff = collected(paths, b"".join(whole))

    assert b"".join(whole[:5]).decode() == diff.text
    assert diff.truncated


def test_a_hundred_files_are_shown() -> None:
    paths = [f"f{number}" for number in range(DIFF_MAX_FILES + 1)]
    output = b"".join(part(path, 20) for path in paths)

    hundred = collected(paths[:-1], output[: -len(part(paths[-1], 20))])
    more = collected(paths, output)

    assert hundred == replace(more, size=hundred.size, truncated=False)
    assert (hundred.truncated, more.truncated) == (False, True)


def test_files_that_only_have_new_times_do_not_count() -> None:
    times = [f"t{number}" for number in range(DIFF_MAX_FILES)]

    diff = collected([*times, "a"], part("a", 20))

    assert (changed("a"), False) == (diff.files, diff.truncated)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        pytest.param('q"\t.txt', b'diff --git "a/q\\"\\t.txt" "b/q\\"\\t.txt"\n', id="quoted"),
        pytest.param("\u00e9", "diff --cc \u00e9\n".encode(), id="conflict"),
        pytest.param("abc\udce9", b"diff --git a/abc\xe9 b/abc\xe9\n", id="latin-1"),
    ],
)
def test_names_are_matched_as_git_writes_them(path: str, header: bytes) -> None:
    diff = collected([path], header + b"+" + b"x" * DIFF_MAX_FILE_BYTES)

    shown = path.replace("\udce9", "\ufffd")
    assert [{"path": shown, "status": "M", "omitted": True}] == diff.files


def test_a_conflict_needs_no_part() -> None:
    text = DiffText([ChangedFile("a", "U")])

    text.feed(b"* Unmerged path a\n")

    diff = Diff("* Unmerged path a\n", [{"path": "a", "status": "U"}], 18, truncated=False)
    assert diff == text.close(complete=True)


def test_a_part_of_an_unknown_file_is_cut_without_a_name() -> None:
    size = DIFF_MAX_FILE_BYTES + 18

    diff = collected([], b"* Unmerged path a\n" + b"x" * DIFF_MAX_FILE_BYTES)

    assert Diff("", [], size, truncated=True) == diff


def test_reading_ends_at_64_mebibytes() -> None:
    text = DiffText([ChangedFile("later", "M")])

    wanted = [text.feed(b"x" * (1 << 20)) for _ in range(64)]

    assert wanted == [True] * 63 + [False]
    assert Diff("", changed("later"), 64 << 20, truncated=True) == text.close(complete=False)
