from collections.abc import Mapping
from typing import Any

import pytest

from codelab_llmproxy.scripted import talk_plans
from codelab_llmproxy.scripted.answer import TALK_PACE, Answer, Plan, ToolUse
from codelab_llmproxy.scripted.conversation import Outcome

FAILED = {"success": False, "error": {"code": "IO_ERROR", "message": "Full."}}


def played(plan: Plan, *results: Mapping[str, Any]) -> list[Answer]:
    """All answers of a plan; each answer with calls takes as many results."""
    left = list(results)
    answers = [next(plan)]
    while True:
        uses = answers[-1].calls
        outcomes = tuple(Outcome(use.name, use.arguments, left.pop(0)) for use in uses)
        try:
            answers.append(plan.send(outcomes))
        except StopIteration:
            return answers


def texts(plan: Plan, *results: Mapping[str, Any]) -> list[str]:
    return ["".join(answer.pieces) for answer in played(plan, *results)]


def test_echo_says_what_it_was_told_word_by_word_and_at_once() -> None:
    assert played(talk_plans.echo("Привет мир")) == [Answer(("Echo:", " Привет", " мир"))]


def test_the_fixed_answer_has_sixty_words() -> None:
    (answer,) = played(talk_plans.ok())

    assert (len(answer.pieces), answer.pace) == (60, 50.0)


def test_help_names_every_request() -> None:
    (answer,) = played(talk_plans.help_text())

    assert answer.pace == TALK_PACE
    assert "replace" in "".join(answer.pieces)


def test_tokens_are_numbered() -> None:
    (answer,) = played(talk_plans.tokens(3, 7.0))
    (longest,) = played(talk_plans.tokens(10**9, 0))

    assert answer == Answer(("t00001", " t00002", " t00003"), pace=7.0)
    assert len(longest.pieces) == talk_plans.MAX_TOKENS
    assert played(talk_plans.tokens(0, 7.0)) == [Answer(pace=7.0)]


def test_thinking_comes_before_the_text() -> None:
    (answer,) = played(talk_plans.think("cats"))

    assert "".join(answer.thinking).startswith("What is there to say about cats?")
    assert "".join(answer.pieces) == "I thought about cats. It has two sides."


@pytest.mark.parametrize(
    ("result", "text"),
    [
        pytest.param(
            {"content": "a\nb\n", "total_lines": 9},
            "x has 9 lines. The first 2:\n\n```\na\nb\n```",
            id="lines",
        ),
        pytest.param({"content": "a"}, "x has 1 lines. The first 1:\n\n```\na\n```", id="no-total"),
        pytest.param(
            {"content": "\n" * 30, "total_lines": 30},
            "x has 30 lines. The first 20:\n\n```" + "\n" * 20 + "\n```",
            id="only-twenty",
        ),
        pytest.param(
            {"content": "````\n"}, "x has 1 lines. The first 1:\n\n`````\n````\n`````", id="fences"
        ),
        pytest.param(FAILED, "read_file failed: Full (IO_ERROR).", id="failure"),
    ],
)
def test_a_file_is_shown_by_its_head(result: Mapping[str, Any], text: str) -> None:
    assert texts(talk_plans.read("x"), result) == ["Reading x.", text]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        pytest.param(
            {"diff": "…", "files": [{"path": "a", "additions": 2, "deletions": 1}, {"path": "b"}]},
            "2 files changed:\n- a (+2 -1)\n- b (+0 -0)",
            id="files",
        ),
        pytest.param({"diff": "", "files": []}, "Nothing changed.", id="nothing"),
        pytest.param({"diff": "x"}, "Some files changed:\n```\nx\n```", id="no-files"),
        pytest.param({"content": "garbled"}, "Nothing changed.", id="garbled"),
        pytest.param(FAILED, "git.diff failed: Full (IO_ERROR).", id="failure"),
    ],
)
def test_a_diff_is_shown_by_its_counts(result: Mapping[str, Any], text: str) -> None:
    assert texts(talk_plans.show_diff({"staged": True}), result)[-1] == text


def test_a_file_is_written() -> None:
    answers = played(talk_plans.write("é", "a"), {"success": True})

    assert answers[0].calls == (ToolUse("write_file", {"path": "a", "content": "é"}),)
    assert "".join(answers[1].pieces) == "Wrote 2 bytes to a."
    assert texts(talk_plans.write("é", "a"), FAILED)[-1] == "write_file failed: Full (IO_ERROR)."


def test_a_file_that_is_there_is_read_before_it_is_written_again() -> None:
    conflict = {"success": False, "error": {"code": "CONFLICT"}}

    answers = played(talk_plans.write("b", "a"), conflict, {"content": "x"}, {"success": True})

    assert [use.name for answer in answers for use in answer.calls] == [
        "write_file",
        "read_file",
        "write_file",
    ]
    assert "".join(answers[-1].pieces) == "Wrote 1 bytes to a."


@pytest.mark.parametrize(
    ("result", "text"),
    [
        pytest.param({"action": "x"}, "You chose x.", id="action"),
        pytest.param({"action": "text", "text": "why"}, "You chose text: why.", id="text"),
        pytest.param(FAILED, "prompt_user failed: Full (IO_ERROR).", id="failure"),
    ],
)
def test_a_question_is_asked(result: Mapping[str, Any], text: str) -> None:
    answers = played(talk_plans.ask("Q", ["x", "y"]), result)

    assert answers[0].calls == (ToolUse("prompt_user", {"message": "Q", "actions": ["x", "y"]}),)
    assert "".join(answers[1].pieces) == text


def test_calls_are_made_as_they_were_asked_for() -> None:
    uses = [ToolUse("a", {"n": 1}, known=False), ToolUse("b", known=False)]

    answers = played(talk_plans.call(uses), {"success": True}, FAILED)

    assert answers[0].calls == tuple(uses)
    assert ["".join(answer.pieces) for answer in answers[1:]] == [
        'a answered:\n\n```\n{"success":true}\n```',
        "b failed: Full (IO_ERROR).",
    ]
