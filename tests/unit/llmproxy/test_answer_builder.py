import pytest

from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest, Usage, WholeCall
from codelab_llmproxy.answer_builder import AnswerBuilder, cut
from codelab_llmproxy.chunks import Finish, Text, Thought
from codelab_llmproxy.toolcalls import Fragment
from fakes.stage import ask_of

REQUEST = {"messages": [{"role": "user"}], "tools": [{"name": "git.diff"}]}


def builder() -> AnswerBuilder:
    return AnswerBuilder(ask_of(InferenceRequest.model_validate(REQUEST)))


def test_neighbours_of_one_kind_are_one_chunk() -> None:
    answer = builder()

    answer.think("a")
    answer.say("b")
    answer.say("")
    answer.say("c")
    answer.think("d")

    assert answer.take() == [Thought("a"), Text("bc"), Thought("d")]
    assert answer.take() == []
    assert answer.pieces == 4


def test_calls_have_our_names() -> None:
    answer = builder()
    answer.fragment(Fragment(0, "x", "git_diff", "{}"))

    answer.end_call(0)

    assert answer.take() == [WholeCall(index=0, name="git.diff", arguments={})]
    assert answer.is_calling


def test_the_end_is_usage_and_how_it_ended() -> None:
    answer = builder()
    answer.say("a")
    usage = Usage(prompt_tokens=1)

    answer.finish(None, usage, {"x": 1})

    assert answer.take() == [Text("a"), usage, Finish("stop", '{"provider":"scripted","x":1}')]
    assert answer.is_over


def test_an_answer_of_calls_ends_as_such_and_one_cut_by_its_limit_as_that() -> None:
    called, limited = builder(), builder()
    called.fragment(Fragment(0, "x", "git_diff", "{}"))

    called.finish(None, None, {})
    limited.finish("length", None, {})

    assert called.take()[-1] == Finish("tool_calls")
    assert limited.take() == [Finish("length")]


def test_an_answer_without_anything_is_none() -> None:
    with pytest.raises(CodelabError, match="MODEL_OUTPUT_INVALID/empty_answer"):
        builder().finish(None, None, {})


def test_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError):
        builder().say(5)


def test_broken_events_are_passed_over_twice_and_never_inside_a_call() -> None:
    plain, calling = builder(), builder()
    calling.fragment(Fragment(0, "x", "git_diff", "{"))

    plain.malformed(2, ValueError())

    with pytest.raises(CodelabError, match="malformed"):
        plain.malformed(3, ValueError())
    with pytest.raises(CodelabError, match="malformed"):
        calling.malformed(1, ValueError())


def test_a_stream_that_ends_early_is_an_error_of_its_own() -> None:
    assert str(cut()).startswith("PROVIDER_ERROR/cut")


def test_calls_that_were_not_given_out_are_counted() -> None:
    answer = builder()

    answer.fragment(Fragment(0, "a", "read", "{}"))
    answer.fragment(Fragment(1, "b", "read", "{"))
    answer.fragment(Fragment(2, "c", "read", '{"x'))

    assert (len(answer.take()), answer.dropped) == (1, 2)
