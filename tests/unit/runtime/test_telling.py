"""One message of the history as the LLM proxy takes it."""

from codelab_runtime.telling import size_of, told
from codelab_runtime.turn.records import AskedTool
from codelab_runtime.turn.state import Message
from fakes.histories import note, person, step

BODY = {"success": True, "content": "a\r\nb\n"}
SHOWN = '{"success":true,"content":"a\\nb\\n"}'


def test_each_role_has_its_form() -> None:
    answer, result = step(BODY, text="Reading.")

    assert told(person("hello"), 256) == {"role": "user", "content": "hello"}
    assert told(answer, 256) == {
        "role": "assistant",
        "content": "Reading.",
        "tool_calls": [{"call_id": "c1-1-0", "name": "read_file", "arguments": {"path": "a"}}],
    }
    assert told(result, 256) == {"role": "tool", "call_id": "c1-1-0", "content": SHOWN}


def test_a_late_result_is_told_in_the_persons_role() -> None:
    text = f"[The result of c1-1-0 came after its time was over: {SHOWN}]"

    assert told(note("c1-1-0", BODY), 256) == {"role": "user", "content": text}


def test_an_outcome_without_body_is_an_empty_object() -> None:
    assert told(Message("tool", 1, 0, "", call_id="c"), 256)["content"] == "{}"
    assert told(Message("note", 1, 0, "", call_id="c"), 256)["content"].endswith(": {}]")


def test_the_state_of_the_provider_goes_back_unchanged() -> None:
    message = Message("assistant", 1, 0, "m", "yes", provider_state="opaque")

    assert told(message, 256) == {
        "role": "assistant",
        "content": "yes",
        "provider_state": "opaque",
    }


def test_arguments_are_shortened_only_where_it_is_asked_for() -> None:
    arguments = {"path": "a", "content": "x" * 2_000}
    call = AskedTool(call_id="c", tool="write_file", arguments=arguments)
    message = Message("assistant", 1, 0, "m", calls=(call,))

    (whole,), (cut,) = told(message, 256)["tool_calls"], told(message, 256, 256)["tool_calls"]

    assert whole["arguments"] == arguments
    assert cut["arguments"]["path"] == "a"
    assert "[… shortened: 2000 bytes in all …]" in cut["arguments"]["content"]
    assert len(cut["arguments"]["content"]) < 300


def test_the_size_is_that_of_the_json_and_a_comma() -> None:
    assert size_of({"a": "ё"}) == len('{"a":"ё"},'.encode())
