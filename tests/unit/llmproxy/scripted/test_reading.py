from typing import Any

import orjson
import pytest

from codelab_core.tool_errors import ToolCode, ToolError
from codelab_llmproxy.scripted.answer import ToolUse
from codelab_llmproxy.scripted.conversation import Outcome
from codelab_llmproxy.scripted.reading import MAX_READS, Reading, in_batches, read_files
from codelab_llmproxy.scripted.toolbox import Calling
from fakes.tool_player import ToolPlayer

LINES = "".join(f"line {n} {'é' * (n % 40)}\n" for n in range(1, 3_001))


def carried_out(calling: Calling, player: ToolPlayer) -> tuple[Any, list[list[ToolUse]]]:
    """Play calls until the end; returns what was found out and the calls of each answer."""
    answers: list[list[ToolUse]] = []
    answer = next(calling, None)
    while answer is not None:
        answers.append(list(answer.calls))
        outcomes = [
            Outcome(use.name, use.arguments, result_of(player, use)) for use in answer.calls
        ]
        try:
            answer = calling.send(tuple(outcomes))
        except StopIteration as end:
            return end.value, answers
    return None, answers


def result_of(player: ToolPlayer, use: ToolUse) -> dict[str, Any]:
    content = player.play(use.name, use.arguments)
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {"content": content}
    return dict(value)


def read(player: ToolPlayer, *paths: str) -> tuple[list[Reading], list[list[ToolUse]]]:
    readings, answers = carried_out(read_files(paths, "Reading."), player)
    return readings, answers


@pytest.mark.parametrize(
    ("text", "player_options"),
    [
        pytest.param("a\nb\n", {}, id="small"),
        pytest.param("", {}, id="empty"),
        pytest.param("a\nb", {}, id="no-last-line-break"),
        pytest.param(LINES, {"read_limit": 20_000}, id="cut-by-the-tool"),
        pytest.param(LINES, {"shown_bytes": 20_000}, id="cut-on-the-way"),
        pytest.param(LINES, {"shown_bytes": 3_000}, id="cut-to-a-little"),
        pytest.param(LINES, {"read_limit": 40_000, "shown_bytes": 9_000}, id="cut-by-both"),
        pytest.param("x\n" * 40_000, {"shown_bytes": 9_000}, id="short-lines"),
        pytest.param("x" * 30_000 + "\n" + "y\n" * 20_000, {}, id="one-long-line"),
    ],
)
def test_a_file_is_read_whole_in_whatever_pieces(text: str, player_options: Any) -> None:
    player = ToolPlayer({"a": text}, **player_options)

    (reading,), _ = read(player, "a")

    assert (reading.problem, reading.text == text) == ("", True)


def test_at_most_eight_calls_are_made_at_once() -> None:
    player = ToolPlayer({str(n): f"{n}\n" for n in range(20)})

    readings, answers = read(player, *player.files)

    assert [len(calls) for calls in answers] == [8, 8, 4]
    assert [reading.text for reading in readings] == list(player.files.values())


def test_what_is_said_first_is_said_once() -> None:
    calling = read_files([str(n) for n in range(9)], "Reading.")

    first = next(calling)
    second = calling.send(tuple(Outcome("read_file", {}, {"success": False}) for _ in range(8)))

    assert (first.pieces, second.pieces) == (("Reading.",), ())


def test_a_failure_is_the_problem_of_its_file_only() -> None:
    player = ToolPlayer({"a": "a\n"})

    readings, _ = read(player, "missing", "a")

    assert [(reading.problem, reading.text) for reading in readings] == [
        ("missing does not exist (FILE_NOT_FOUND)", ""),
        ("", "a\n"),
    ]


def test_a_file_that_changes_between_two_reads_is_not_used() -> None:
    def change(player: ToolPlayer) -> None:
        player.files["a"] = "new\n" + player.files["a"]

    player = ToolPlayer({"a": LINES}, read_limit=20_000, meddle={1: change})

    (reading,), _ = read(player, "a")

    assert reading.problem == "it changed while it was read"


def test_a_line_that_no_tool_shows_whole_is_a_problem() -> None:
    one = read(ToolPlayer({"a": "x" * 300 + "\nb\n"}, read_limit=200), "a")[0][0]
    last = read(ToolPlayer({"a": "x" * 300}, read_limit=200), "a")[0][0]

    assert (one.problem, last.problem) == ("one of its lines is too long",) * 2


def test_a_line_that_is_never_shown_whole_is_a_problem() -> None:
    player = ToolPlayer({"a": "x" * 9_000 + "\nb\n"}, shown_bytes=4_000)

    (reading,), _ = read(player, "a")

    assert reading.problem == "it cannot be shown whole"


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"eol": "lf", "sha256": "0" * 64}, id="hash"),
        pytest.param({"eol": "crlf", "size": 9, "sha256": "0" * 64}, id="too-large"),
        pytest.param({"eol": "crlf", "size": 1, "sha256": "0" * 64}, id="too-small"),
    ],
)
def test_content_that_is_not_that_of_the_file_is_read_once_more(facts: dict[str, Any]) -> None:
    value = {"start_line": 1, "end_line": 1, "total_lines": 1, "content": "a\n"} | facts
    reading = Reading("a")

    reading.add(Outcome("read_file", {}, value))
    again = reading.next_call().arguments, list(reading.lines)
    reading.add(Outcome("read_file", {}, value))

    assert again == ({"path": "a", "start_line": 1, "end_line": 1}, [])
    assert reading.problem == "it cannot be shown whole"


@pytest.mark.parametrize("size", [5, 7, 10])
def test_line_ends_may_be_shown_otherwise_than_they_are(size: int) -> None:
    value = {"start_line": 1, "end_line": 2, "total_lines": 2, "content": "a\nbc\n"}
    reading = Reading("a")

    reading.add(Outcome("read_file", {}, value | {"eol": "crlf", "size": size}))

    assert reading.whole


def test_a_result_that_says_nothing_of_its_lines_counts_as_whole() -> None:
    reading = Reading("a")

    reading.add(Outcome("read_file", {}, {"success": True, "content": "a\nb"}))

    assert (reading.whole, reading.lines) == (True, ["a\n", "b"])


def test_a_result_that_is_no_json_is_asked_for_in_ranges() -> None:
    reading = Reading("a")

    reading.add(Outcome("read_file", {}, {"content": '{"success":true,"cont'}))
    first = reading.next_call().arguments
    reading.add(Outcome("read_file", {}, {"success": True, "content": "a\n"}))

    assert first == {"path": "a", "start_line": 1, "end_line": 200}
    assert reading.next_call().arguments == {"path": "a", "start_line": 1, "end_line": 100}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param({"content": "", "end_line": 0, "total_lines": 9}, "too long", id="no-lines"),
        pytest.param({"content": "x", "end_line": 0, "total_lines": 0}, "shown whole", id="odd"),
    ],
)
def test_a_result_that_contradicts_itself_is_a_problem(value: dict[str, Any], problem: str) -> None:
    reading = Reading("a")

    reading.add(Outcome("read_file", {}, value))

    assert problem in reading.problem


def test_reading_comes_to_an_end() -> None:
    player = ToolPlayer({"a": "x\n" * (MAX_READS + 2)}, read_limit=2)

    (reading,), answers = read(player, "a")

    assert reading.problem == "it takes too many reads"
    assert len(answers) == MAX_READS + 1


def test_other_calls_are_made_eight_at_once_too() -> None:
    player = ToolPlayer({}, faults={3: ToolError(ToolCode.IO_ERROR, "Full.")})
    uses = [ToolUse("write_file", {"path": str(n), "content": ""}) for n in range(10)]

    outcomes, answers = carried_out(in_batches(uses, "Writing."), player)

    assert [len(calls) for calls in answers] == [8, 2]
    assert [outcome.failed for outcome in outcomes] == [n == 3 for n in range(10)]
    assert carried_out(in_batches([], "Writing."), player)[1] == []
