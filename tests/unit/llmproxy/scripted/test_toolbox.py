from collections.abc import Mapping
from typing import Any

from codelab_llmproxy.scripted.answer import Answer, Plan, ToolUse, say
from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.toolbox import joined, next_answer, offered, provider_form

TOOLS = frozenset({"read_file", "git_diff"})


def reading(path: str) -> Plan:
    """Reads, then says what it read."""
    (outcome,) = yield Answer(("Reading",), calls=(ToolUse("read_file", {"path": path}),))
    yield Answer((outcome.explained() if outcome.failed else str(outcome.value["content"]),))


def talking(*texts: str) -> Plan:
    """Says things, one after the other."""
    for text in texts:
        yield Answer((text,))


def conversation(*done: tuple[str, Mapping[str, Any], str]) -> Conversation:
    """One step per call that was made."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    for number, (name, arguments, content) in enumerate(done):
        function = {"name": name, "arguments": str(dict(arguments)).replace("'", '"')}
        messages.append({"role": "assistant", "tool_calls": [{"id": number, "function": function}]})
        messages.append({"role": "tool", "tool_call_id": number, "content": content})
    tools = [{"function": {"name": name}} for name in TOOLS]
    return Conversation({"messages": messages, "tools": tools})


def test_a_tool_is_found_under_either_of_its_names() -> None:
    assert provider_form("git.diff") == "git_diff"
    assert [offered(name, TOOLS) for name in ("git.diff", "git_diff", "read_file", "rm")] == [
        "git_diff",
        "git_diff",
        "read_file",
        None,
    ]


def test_a_plan_goes_on_where_the_conversation_stands() -> None:
    plans = [
        next_answer(joined([reading("a")], TOOLS), at)
        for at in (
            conversation(),
            conversation(("read_file", {"path": "a"}, '{"content":"x"}')),
        )
    ]

    assert plans == [
        Answer(("Reading",), calls=(ToolUse("read_file", {"path": "a"}),)),
        Answer(("x",)),
    ]


def test_calls_go_out_under_the_name_on_offer() -> None:
    def diff() -> Plan:
        yield say("", ToolUse("git.diff"))

    answer = next_answer(joined([diff()], TOOLS), conversation())

    assert [use.name for use in answer.calls] == ["git_diff"]


def test_text_is_held_until_the_next_calls_or_the_end() -> None:
    plans = [talking("one", "two"), reading("a"), talking("three")]
    before = next_answer(joined(plans, TOOLS), conversation())
    plans = [talking("one", "two"), reading("a"), talking("three")]
    after = next_answer(
        joined(plans, TOOLS), conversation(("read_file", {"path": "a"}, '{"content":"x"}'))
    )

    assert before.pieces == ("one", "\n\ntwo", "\n\nReading")
    assert after.pieces == ("x", "\n\nthree")


def test_steps_that_no_plan_asked_for_are_passed_over() -> None:
    history = conversation(
        ("read_file", {"path": "other"}, '{"content":"no"}'),
        ("git_diff", {}, '{"content":"no"}'),
        ("read_file", {"path": "a"}, '{"content":"yes"}'),
        ("read_file", {"path": "a"}, '{"content":"late"}'),
    )

    assert next_answer(joined([reading("a")], TOOLS), history).pieces == ("yes",)


def test_a_tool_that_is_not_on_offer_is_not_called() -> None:
    answer = next_answer(joined([reading("a")], frozenset()), conversation())

    assert answer == Answer(("Reading", "\n\nThis client offers no read_file (TOOL_NOT_FOUND)"))


def test_a_tool_that_was_asked_for_by_name_is_called_anyway() -> None:
    def verbatim() -> Plan:
        yield Answer(calls=(ToolUse("rm", known=False),))

    answer = next_answer(joined([verbatim()], TOOLS), conversation())

    assert answer.calls == (ToolUse("rm", known=False),)
