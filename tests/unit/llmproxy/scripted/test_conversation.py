from typing import Any

from codelab_llmproxy.scripted.conversation import Conversation, Outcome, Step

USER = {"role": "user", "content": "read a"}


def calling(*names: str) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": f"c{n}", "function": {"name": name, "arguments": f'{{"n":{n}}}'}}
            for n, name in enumerate(names)
        ],
    }


def result(number: int, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"c{number}", "content": content}


def test_the_newest_message_of_the_person_is_the_request() -> None:
    parts = [{"type": "text", "text": "open"}, {"type": "text", "text": " b"}]
    messages = [USER, {"role": "assistant", "content": "x"}, {"role": "user", "content": parts}]

    conversation = Conversation({"model": "m", "messages": messages, "max_tokens": 3})

    assert (conversation.text, conversation.answers, conversation.newest_role) == (
        "open b",
        0,
        "user",
    )
    assert (conversation.model, conversation.max_tokens) == ("m", 3)


def test_a_note_about_a_late_result_is_no_request() -> None:
    note = "[The result of c1-0-0 came after its time was over: {}]"

    conversation = Conversation({"messages": [USER, {"role": "user", "content": note}]})

    assert conversation.text == "read a"


def test_an_empty_request_has_nothing() -> None:
    conversation = Conversation({})

    assert (conversation.text, conversation.newest_role, conversation.steps) == ("", "", ())
    assert conversation.tools == frozenset()


def test_steps_are_what_was_done_since_the_request() -> None:
    before = [USER, calling("old"), result(0, "{}")]
    since = [calling("a", "b"), result(1, '{"success":true}'), result(0, "plain"), calling("c")]

    conversation = Conversation({"messages": [*before, USER, *since, result(0, '["x"]')]})

    assert conversation.steps == (
        Step(
            (
                Outcome("a", {"n": 0}, {"content": '["x"]'}),
                Outcome("b", {"n": 1}, {"success": True}),
            )
        ),
        Step((Outcome("c", {"n": 0}, {"content": '["x"]'}),)),
    )
    assert (conversation.answers, conversation.newest_role) == (2, "tool")


def test_a_missing_result_and_garbled_arguments_are_empty() -> None:
    message = calling("a")
    message["tool_calls"][0]["function"]["arguments"] = "{"

    conversation = Conversation({"messages": [USER, message]})

    assert conversation.steps == (Step((Outcome("a", {}, {"content": ""}),)),)


def test_tools_are_those_on_offer() -> None:
    tools = [{"type": "function", "function": {"name": "git_diff"}}]

    offered = Conversation({"messages": [], "tools": tools}).tools
    forbidden = Conversation({"messages": [], "tools": tools, "tool_choice": "none"}).tools

    assert (offered, forbidden) == (frozenset({"git_diff"}), frozenset())


def test_an_outcome_explains_its_failure() -> None:
    error = {"code": "REJECTED", "message": "No.", "details": {"by": "x"}}
    failed = Outcome("a", {}, {"success": False, "error": error})
    text_only = Outcome("a", {}, {"success": False, "error": "broken"})
    bare = Outcome("a", {}, {"success": False, "error": {"details": 1}})
    fine = Outcome("a", {}, {"success": True})

    explained = [outcome.explained() for outcome in (failed, text_only, bare)]

    assert explained == ["No (REJECTED)", "broken", "it failed"]
    assert (failed.code, failed.details, bare.details) == ("REJECTED", {"by": "x"}, {})
    assert (fine.failed, fine.error, fine.code) == (False, {}, "")
