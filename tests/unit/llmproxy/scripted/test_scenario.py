from typing import Any

import pytest

from codelab_core.errors import CodelabError
from codelab_llmproxy.scripted.answer import Answer, ToolUse
from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.scenario import Scenario, ScenarioError

TWO_READS = """
name: two-reads
steps:
  - {when: {contains: compare}, think: "Both matter.", text: "Reading both.", pace: 50,
     tool_calls: [{name: read_file, arguments: {path: a.py}}, {name: git.diff}]}
  - {when: {after_tool: git.diff},
     text: "{results[0].lines} {results[0].content}|{results[1].error}|{results[1].action}{x}",
     fault: {kind: cut, after: 5, attempts: [1]}}
"""


def conversation(text: str, *results: str, answers: int = 1) -> Conversation:
    messages: list[dict[str, Any]] = [{"role": "user", "content": text}]
    names = ("read_file", "git_diff")[: len(results)]
    if results:
        asked = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in names]
        messages += [{"role": "assistant", "tool_calls": asked}] * answers
        messages += [
            {"role": "tool", "tool_call_id": name, "content": content}
            for name, content in zip(names, results, strict=True)
        ]
    return Conversation({"messages": messages})


def test_the_first_step_that_fits_gives_the_answer() -> None:
    scenario = Scenario.parse(TWO_READS)

    assert scenario.answer(conversation("Please COMPARE them")) == Answer(
        ("Reading", " both."),
        ("Both", " matter."),
        (
            ToolUse("read_file", {"path": "a.py"}, known=False),
            ToolUse("git.diff", {}, known=False),
        ),
        50,
    )


def test_placeholders_are_filled_from_the_last_results() -> None:
    scenario = Scenario.parse(TWO_READS)
    failed = '{"success":false,"error":{"code":"IO_ERROR","message":"Full."}}'

    answers = [
        scenario.answer(conversation("compare", *results))
        for results in (
            ('{"content":"a\\nb","total_lines":7}', failed),
            ('{"content":"a\\nb"}', '{"action":"apply"}'),
        )
    ]

    assert ["".join(answer.pieces) for answer in answers] == [
        "7 a\nb|Full (IO_ERROR)|{x}",
        "2 a\nb||apply{x}",
    ]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(conversation("something else"), id="other-words"),
        pytest.param(conversation("compare", "{}"), id="other-tool"),
    ],
)
def test_a_request_that_fits_no_step_is_an_error(asked: Conversation) -> None:
    with pytest.raises(CodelabError, match="two-reads has no step") as caught:
        Scenario.parse(TWO_READS).answer(asked)

    assert (caught.value.code, caught.value.reason) == ("INVALID_REQUEST", "invalid_request")


def test_a_result_that_is_not_there_is_an_error() -> None:
    scenario = Scenario.parse('name: a\nsteps: [{text: "{results[3].lines}"}]')

    with pytest.raises(CodelabError, match="no result 3"):
        scenario.answer(conversation("x", "{}", "{}"))


def test_steps_are_told_apart_by_the_number_of_the_answer() -> None:
    steps = "{when: {answer: 0}, text: zero}, {when: {answer: 2}, text: two}, {text: any}"
    scenario = Scenario.parse(f"name: a\nsteps: [{steps}]")

    said = [
        scenario.answer(asked).pieces
        for asked in (
            conversation("x"),
            conversation("x", "{}", answers=2),
            conversation("x", "{}", answers=1),
        )
    ]

    assert said == [("zero",), ("two",), ("any",)]


def test_a_step_after_a_tool_does_not_fit_before_it() -> None:
    scenario = Scenario.parse("name: a\nsteps: [{when: {after_tool: x}}, {text: other}]")

    assert scenario.answer(conversation("x")) == Answer(("other",))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("name: [", id="no-yaml"),
        pytest.param("[]", id="no-mapping"),
        pytest.param("name: a b\nsteps: [{text: x}]", id="bad-name"),
        pytest.param("name: a\nsteps: []", id="no-steps"),
        pytest.param("name: a\nsteps: [{txt: x}]", id="misspelt"),
        pytest.param("name: a\nsteps: [{when: {contain: x}}]", id="misspelt-condition"),
        pytest.param('name: a\nsteps: [{text: "{results[0].line}"}]', id="unknown-placeholder"),
        pytest.param('name: a\nsteps: [{think: "{results.lines}"}]', id="placeholder-of-no-result"),
        pytest.param("name: a\nsteps: [{fault: {kind: rain}}]", id="unknown-fault"),
        pytest.param("name: a\nsteps: [{pace: -1}]", id="negative-pace"),
        pytest.param("!!python/object/apply:os.getcwd []", id="code"),
    ],
)
def test_what_is_no_scenario_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError):
        Scenario.parse(text)
