import pytest

from codelab_core.errors import CodelabError
from codelab_core.protocol import inference as kinds
from codelab_core.sse import comment
from codelab_llmproxy.neutral_answer import AnswerFold
from codelab_llmproxy.record import Record

DONE = b'{"finish_reason":"stop","model":"m","provider":"p","attempts":[]}'


def fold(*chunks: tuple[bytes, bytes]) -> AnswerFold:
    record, folded = Record("i-1"), AnswerFold("i-1")
    for kind, data in chunks:
        record.append(kind, data)
    for frame in record.read(0):
        folded.add(frame)
    return folded


def test_chunks_become_one_answer() -> None:
    folded = fold(
        (kinds.THINKING, b'{"text":"hm"}'),
        (kinds.TOKEN, b'{"token":"a"}'),
        (kinds.TOKEN, b'{"token":" b"}'),
        (kinds.TOOL_CALL, b'{"index":0,"name":"x","arguments":{}}'),
        (kinds.USAGE, b'{"prompt_tokens":1,"source":"provider"}'),
        (kinds.DONE, DONE.replace(b"}", b',"provider_state":"s"}')),
    )

    assert folded.answer() == {
        "inference_id": "i-1",
        "message": {
            "role": "assistant",
            "content": "a b",
            "tool_calls": [{"index": 0, "name": "x", "arguments": {}}],
            "provider_state": "s",
        },
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 1, "source": "provider"},
        "model": "m",
        "provider": "p",
    }


def test_a_restart_voids_what_was_before_and_comments_say_nothing() -> None:
    folded = fold(
        (kinds.TOKEN, b'{"token":"old"}'),
        (kinds.RESTART, b'{"reason":"regenerated"}'),
        (kinds.TOKEN, b'{"token":"new"}'),
        (kinds.DONE, DONE),
    )
    folded.add(comment(b"hb"))

    assert folded.answer()["message"] == {"role": "assistant", "content": "new", "tool_calls": []}


def test_an_error_is_raised_in_the_end() -> None:
    folded = fold((kinds.ERROR, b'{"code":"PROVIDER_ERROR","class":"cut","message":"Cut."}'))

    with pytest.raises(CodelabError, match=r"PROVIDER_ERROR/cut: Cut\."):
        folded.answer()


def test_an_answer_that_just_ends_can_be_asked_for_again() -> None:
    with pytest.raises(CodelabError, match="UNAVAILABLE/draining") as caught:
        fold((kinds.TOKEN, b'{"token":"a"}')).answer()

    assert caught.value.retry_after_ms == 0
