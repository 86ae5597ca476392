import orjson

from codelab_core.protocol.inference import InferenceRequest, Usage, WholeCall
from codelab_core.sse import SseParser
from codelab_llmproxy.chunks import Finish, Text, Thought
from codelab_llmproxy.scripted.answer import Answer, ToolUse
from codelab_llmproxy.scripted.wire import MAX_FRAGMENTS, AnswerWriter
from codelab_llmproxy.translate_openai_stream import OpenAIStreamDecoder
from fakes.stage import ask_of

BODY = b'{"model":"echo"}x'
LONG = {"path": "a", "content": 'x"\\é\n' * 1_000}


def written(answer: Answer, attempt: int = 1) -> list[bytes]:
    writer = AnswerWriter("echo", BODY, attempt)
    return [
        writer.opening(),
        *writer.thinking(answer),
        *map(writer.text, answer.pieces),
        *writer.calls(answer.calls),
        *writer.closing(answer, len(answer.pieces)),
    ]


def test_a_text_is_written_in_the_dialect() -> None:
    events = written(Answer(("Echo:", ' "a"')))
    head = events[0][: events[0].index(b'"choices"')]

    assert head.startswith(b'data: {"id":"chatcmpl-')
    assert [event.removeprefix(head) for event in events] == [
        b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',
        b'"choices":[{"index":0,"delta":{"content":"Echo:"},"finish_reason":null}]}\n\n',
        b'"choices":[{"index":0,"delta":{"content":" \\"a\\""},"finish_reason":null}]}\n\n',
        b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        b'"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n',
        b"data: [DONE]\n\n",
    ]


def test_the_same_request_gives_the_same_bytes_and_another_attempt_another_id() -> None:
    answer = Answer(("a",), ("t",), (ToolUse("x", {"a": 1}),))

    assert written(answer) == written(answer)
    assert written(answer)[0] != written(answer, attempt=2)[0]


def test_parallel_calls_are_cut_and_interleaved() -> None:
    uses = (ToolUse("write_file", LONG), ToolUse("git_diff"), ToolUse("read_file", LONG))

    deltas = [
        call
        for event in written(Answer(calls=uses))[1:-3]
        for call in orjson.loads(event[6:])["choices"][0]["delta"]["tool_calls"]
    ]

    assert [call["index"] for call in deltas[:3]] == [0, 1, 2]
    assert len({call["id"] for call in deltas[:3]}) == 3
    assert [call["index"] for call in deltas[3:8]] == [0, 1, 2, 0, 2]
    assert len(deltas) == 3 + 2 * MAX_FRAGMENTS + 1
    assert all("id" not in call for call in deltas[3:])


def test_what_is_written_is_what_is_decoded() -> None:
    answer = Answer(("a", " b"), ("t", " u"), (ToolUse("write_file", LONG), ToolUse("git_diff")))
    offered = {"messages": [{"role": "user"}], "tools": [{"name": "git.diff"}]}
    decoder = OpenAIStreamDecoder(ask_of(InferenceRequest.model_validate(offered)))

    chunks = decoder.feed(b"".join(written(answer)))

    assert chunks[:-1] == [
        Thought("t u"),
        Text("a b"),
        WholeCall(index=0, name="write_file", arguments=LONG),
        WholeCall(index=1, name="git.diff", arguments={}),
        Usage(prompt_tokens=5, completion_tokens=2),
    ]
    assert isinstance(chunks[-1], Finish)
    assert "signature" in str(chunks[-1].provider_state)


def test_a_limit_is_told() -> None:
    events = written(Answer(("a",), finish="length"))

    assert b'"finish_reason":"length"' in events[-3]


def test_events_are_whole_lines() -> None:
    events = SseParser().feed(b"".join(written(Answer(("a\n\nb\r",)))))

    assert orjson.loads(events[1].data)["choices"][0]["delta"] == {"content": "a\n\nb\r"}
