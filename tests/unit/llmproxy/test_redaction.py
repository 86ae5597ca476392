import pytest

from codelab_llmproxy.redaction import MAX_BYTES, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("no secret here", "no secret here", id="plain"),
        pytest.param("key mine-1 and mine-1-long", "key [hidden] and [hidden]", id="known"),
        pytest.param("Incorrect API key: sk-proj-a_B9*.-1234", "Incorrect [hidden]", id="openai"),
        pytest.param("got sk-ant-api03-xyzzy1", "got [hidden]", id="anthropic"),
        pytest.param("Authorization: Bearer abc.def-ghi=", "Authorization: [hidden]", id="bearer"),
        pytest.param('{"api_key": "hush1234"}', '{"[hidden]"}', id="field"),
        pytest.param("at https://me:pw@host/v1", "at https://[hidden]host/v1", id="userinfo"),
        pytest.param("AIzaSyA1234567890123456789", "[hidden]", id="google"),
        pytest.param("a\r\n\x00b\u2028c", "a b c", id="one-line"),
        pytest.param("risk-free token ring", "risk-free token ring", id="words"),
    ],
)
def test_what_looks_like_a_key_is_hidden(text: str, expected: str) -> None:
    assert redact(text, ["mine-1", "mine-1-long"]) == expected


def test_long_text_is_cut_between_characters() -> None:
    cut = redact("é" * 600)

    assert cut == "é" * (MAX_BYTES // 2)
