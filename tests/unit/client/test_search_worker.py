import io
import json
import re
import resource
import sys
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_client import search_worker
from codelab_client.search_worker import compiled, find, locator, serve

WORD = locator(re.compile("word"))


def served(*requests: Any) -> list[Any]:
    lines = b"".join(json.dumps(request).encode() + b"\n" for request in requests)
    answers = io.BytesIO()
    serve(io.BytesIO(lines), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_matching_lines_come_with_their_numbers() -> None:
    found = find(WORD, ["a word\nnothing\r\nwords\r\n", "", "word"], 10)

    assert found == [[(1, "a word"), (3, "words")], [], [(1, "word")]]


def test_there_is_room_for_so_many_matches_in_all_texts() -> None:
    assert find(WORD, ["word\nword", "word\nword", "word"], 3) == [
        [(1, "word"), (2, "word")],
        [(1, "word")],
        [],
    ]


def test_a_long_line_is_shown_from_a_little_before_its_match() -> None:
    found = find(WORD, ["a" * 1000 + "word" + "b" * 1000], 1)

    assert found == [[(1, "a" * 100 + "word" + "b" * 296)]]


def test_of_a_very_long_line_only_the_start_is_searched() -> None:
    assert find(WORD, ["a" * 20_000 + "word"], 1) == [[]]


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("(a", id="unbalanced"),
        pytest.param("*", id="nothing-to-repeat"),
        pytest.param("a{99999999999}", id="overflow"),
        pytest.param("(" * 5000 + ")" * 5000, id="too-deep"),
    ],
)
def test_an_expression_that_cannot_be_read_is_a_value_error(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compiled(pattern, case_sensitive=True)


@pytest.mark.parametrize(("case_sensitive", "expected"), [(True, None), (False, 1)])
def test_case_counts_or_not(expected: int | None, *, case_sensitive: bool) -> None:
    assert expected == locator(compiled("WORD", case_sensitive=case_sensitive))("a word"[1:])


def test_requests_are_answered_line_by_line() -> None:
    answers = served(
        {"pattern": r"^\s*def (\w+)", "case_sensitive": True},
        {"texts": ["  def a\n", "x"], "room": 5},
        {"texts": ["\ud800 def\ndef \ud800"], "room": 5},
    )

    assert answers == [{}, [[[1, "  def a"]], []], [[]]]


def test_a_bad_expression_is_answered_and_ends_the_service() -> None:
    answers = served({"pattern": "(", "case_sensitive": True}, {"texts": ["x"], "room": 1})

    assert answers == [{"error": "missing ), unterminated subpattern at position 0"}]


def test_half_a_surrogate_pair_is_answered_as_a_question_mark() -> None:
    answers = served({"pattern": "x", "case_sensitive": True}, {"texts": ["x\ud800"], "room": 1})

    assert answers == [{}, [[[1, "x?"]]]]


async def test_as_a_program_it_needs_nothing_of_ours() -> None:
    head = json.dumps({"pattern": "x", "case_sensitive": True})
    request = json.dumps({"texts": ["x"], "room": 1})

    ended = await anyio.run_process(
        [sys.executable, "-I", "-S", search_worker.__file__],
        input=f"{head}\n{request}\n".encode(),
        env={},
    )

    assert ended.stdout == b'{}\n[[[1, "x"]]]\n'


async def test_it_limits_its_own_time_and_memory() -> None:
    """So that it ends even when whoever started it was killed."""
    code = (
        "import runpy, resource, io, sys; sys.stdin = io.TextIOWrapper(io.BytesIO(b'{}'))\n"
        f"try: runpy.run_path({search_worker.__file__!r}, run_name='__main__')\n"
        "except KeyError: print(resource.getrlimit(resource.RLIMIT_CPU)[0],"
        " resource.getrlimit(resource.RLIMIT_AS)[0])"
    )

    ended = await anyio.run_process([sys.executable, "-I", "-S", "-c", code])

    assert ended.stdout == b"60 1073741824\n"
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 1 << 30


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("wordx\n", max_size=30), max_size=4), st.integers(0, 6))
def test_lines_are_those_that_hold_the_word(texts: list[str], room: int) -> None:
    everything = [
        (number, at, line)
        for number, text in enumerate(texts)
        for at, line in enumerate(text.split("\n"), 1)
        if "word" in line
    ]

    found = find(WORD, texts, room)

    assert everything[:room] == [
        (number, at, line) for number, lines in enumerate(found) for at, line in lines
    ]
