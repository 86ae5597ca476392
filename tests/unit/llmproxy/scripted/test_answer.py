import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_llmproxy.scripted.answer import TALK_PACE, Answer, ToolUse, say, words


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        pytest.param("Привет мир", ("Привет", " мир"), id="the-space-goes-with-the-next-word"),
        pytest.param("a\n\n b ", ("a", "\n\n b", " "), id="white-space-is-kept"),
        pytest.param("x" * 100, ("x" * 80, "x" * 20), id="long-words-are-cut"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_text_goes_word_by_word(text: str, pieces: tuple[str, ...]) -> None:
    """P-05."""
    assert words(text) == pieces


@settings(max_examples=200)
@given(st.text())
def test_words_join_to_the_text(text: str) -> None:
    assert "".join(words(text)) == text
    assert all(words(text))


def test_a_sentence_has_an_ordinary_pace() -> None:
    assert say("a b", ToolUse("x")) == Answer(
        ("a", " b"), calls=(ToolUse("x", {}, known=True),), pace=TALK_PACE
    )


def test_two_answers_become_one() -> None:
    first = Answer(("a",), ("t",), pace=50.0)
    second = Answer(("b", " c"), ("u",), (ToolUse("x"),), pace=1.0)

    assert first.then(second) == Answer(
        ("a", "\n\nb", " c"), ("t", "u"), (ToolUse("x"),), pace=50.0
    )


def test_nothing_leaves_the_other_answer_alone() -> None:
    answer = Answer(("a",), pace=1.0)

    assert Answer().then(answer) == answer
    assert answer.then(Answer()) == answer
    assert Answer(thinking=("t",), pace=2.0).then(answer) == Answer(("a",), ("t",), pace=2.0)


def test_the_limit_of_tokens_ends_an_answer() -> None:
    answer = Answer(("a", " b"), calls=(ToolUse("x"),))

    assert answer.cut(1) == Answer(("a",), finish="length")
    assert answer.cut(2) == answer.cut(None) == answer
