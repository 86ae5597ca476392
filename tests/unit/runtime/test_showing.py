"""A value as the model is shown it."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codelab_runtime.showing import MARK, shortened, shown, shrunk

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(), inner, max_size=8),
    max_leaves=40,
)
LINES = "".join(f"line {n}\n" for n in range(1, 101))


def nested(depth: int) -> Any:
    value: Any = "x" * 2_000
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_what_is_short_is_shown_as_it_is() -> None:
    body = {"success": True, "content": "a\n", "files": [1, {"path": "x"}]}

    assert shown(body, 256) == '{"success":true,"content":"a\\n","files":[1,{"path":"x"}]}'


@pytest.mark.parametrize("field", ["content", "diff"])
def test_files_are_shown_with_lf(field: str) -> None:
    told = orjson.loads(shown({field: "a\r\nb\r\n"}, 256))

    assert told == {field: "a\nb\n"}


def test_a_diff_that_is_to_come_back_keeps_its_line_ends() -> None:
    body = {"filtered_diff": "+a\r\n", "content": None}

    assert orjson.loads(shown(body, 256)) == body


def test_a_long_text_keeps_head_and_tail_at_line_borders_in_whole_json() -> None:
    body = {"success": True, "content": LINES, "sha256": "ab", "total_lines": 100}

    told = orjson.loads(shown(body, 300))

    head = "line 1\nline 2\nline 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\nline 10\n"
    assert {**told, "content": ""} == {**body, "content": ""}
    assert told["content"].startswith(head)
    assert f"\n[… shortened: {len(LINES)} bytes in all …]\n" in told["content"]
    assert told["content"].endswith("line 98\nline 99\nline 100\n")


def test_small_fields_stay_when_large_ones_share_the_room() -> None:
    body = {"success": True, "a": "x" * 1_000, "b": "y" * 1_000, "c": "short"}

    told = orjson.loads(shown(body, 600))

    assert (told["success"], told["c"]) == (True, "short")
    assert all(len(told[name]) > 200 for name in "ab")


def test_a_long_list_keeps_its_first_and_last_entries() -> None:
    files = [{"path": f"src/{n:04}.py"} for n in range(1_000)]

    told = orjson.loads(shown({"success": True, "files": files}, 400))

    at = told["files"].index(f"{MARK}1000 entries in all …]")
    assert told["files"][:at] == files[:at]
    assert told["files"][at + 1 :] == files[1_001 - len(told["files"]) + at :]
    assert 0 < at < len(told["files"]) - 1


def test_the_only_entry_of_a_list_is_cut_inside() -> None:
    told = orjson.loads(shown({"rows": ["x" * 5_000]}, 400))

    assert MARK in told["rows"][0]


def test_what_is_too_deep_becomes_text() -> None:
    told = orjson.loads(shown({"result": nested(200)}, 400))

    assert MARK in str(told)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"success": True, "content": "\x00" * 10_000}, id="control"),
        pytest.param({"success": True, "content": '"' * 10_000}, id="quotes"),
        pytest.param({"success": False, **{f"key{n}": n for n in range(5_000)}}, id="keys"),
        pytest.param({"x" * 100_000: 1}, id="one-key"),
        pytest.param({"rows": [{"a": n, "b": [n]} for n in range(10_000)]}, id="rows"),
        pytest.param({"n": [1] * 100_000}, id="numbers"),
        pytest.param({"result": nested(200)}, id="deep"),
    ],
)
def test_no_body_is_shown_longer_than_allowed(body: dict[str, Any]) -> None:
    told = shown(body, 1_000)

    assert len(told.encode()) <= 1_000
    assert isinstance(orjson.loads(told), dict)


def test_a_body_of_keys_alone_is_told_as_text_with_its_outcome() -> None:
    told = orjson.loads(shown({"success": True, **{f"key{n}": n for n in range(5_000)}}, 1_000))

    assert told["success"] is True
    assert told["shortened"].startswith("{'success':true,'key0':0,")


@settings(max_examples=200)
@given(st.dictionaries(st.text(), JSON, max_size=6), st.integers(256, 2_000))
@example({"content": "\r\n" * 400}, 256)
def test_every_body_is_json_within_its_limit(body: dict[str, Any], limit: int) -> None:
    told = shown(body, limit)

    assert len(told.encode()) <= limit
    assert isinstance(orjson.loads(told), dict)


@settings(max_examples=200)
@given(JSON, st.integers(0, 500))
def test_a_shrunk_value_is_json_and_what_fits_is_not_touched(value: Any, limit: int) -> None:
    cut = shrunk(value, limit)

    orjson.dumps(cut)
    if len(orjson.dumps(value)) <= limit:
        assert cut == value


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        pytest.param("abc", 3, "abc", id="fits"),
        pytest.param("ab" * 20, 39, "a[… shortened: 40 bytes in all …]b", id="one-line"),
        pytest.param("ё" * 21, 41, "ё[… shortened: 42 bytes in all …]ё", id="whole-characters"),
        pytest.param("abcd", 0, "[… shortened: 4 bytes in all …]", id="nothing"),
        pytest.param(
            "aaa\nbb\n" + "c" * 40 + "\nd\neee",
            50,
            "aaa\nbb\n[… shortened: 53 bytes in all …]\nd\neee",
            id="lines",
        ),
    ],
)
def test_text_is_cut_in_the_middle(text: str, limit: int, expected: str) -> None:
    assert shortened(text, limit) == expected
