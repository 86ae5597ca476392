import orjson
import pytest

from codelab_core.protocol.inference import Usage, WholeCall
from codelab_llmproxy.chunks import Content, Text, Thought, encode


@pytest.mark.parametrize(
    ("chunk", "kind", "line"),
    [
        pytest.param(Text(' "Привет"'), b"token", '{"token":" \\"Привет\\""}', id="text"),
        pytest.param(Thought("so"), b"thinking", '{"text":"so"}', id="thought"),
        pytest.param(
            WholeCall(index=0, name="git.diff", arguments={"path": None}),
            b"tool_call",
            '{"index":0,"name":"git.diff","arguments":{"path":null}}',
            id="call",
        ),
        pytest.param(
            Usage(prompt_tokens=3), b"usage", '{"prompt_tokens":3,"source":"provider"}', id="usage"
        ),
    ],
)
def test_each_kind_of_chunk_is_one_line_of_json(chunk: Content, kind: bytes, line: str) -> None:
    encoded = encode(chunk)

    assert encoded == (kind, line.encode())


def test_line_breaks_inside_of_text_are_escaped() -> None:
    _, data = encode(Text("a\nb\u2028"))

    assert b"\n" not in data
    assert orjson.loads(data) == {"token": "a\nb\u2028"}
