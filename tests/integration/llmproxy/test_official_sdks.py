"""The official SDKs read what the fake providers say, and know every field that they are sent.

They are imported where they are used: it takes seconds, and each worker of the tests collects
this file.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
from pydantic import TypeAdapter

from codelab_core.protocol.inference import InferenceRequest
from codelab_core.sse import SseParser
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.provider_state import seal
from codelab_llmproxy.translate_anthropic_request import encode_request as to_anthropic
from codelab_llmproxy.translate_openai_request import encode_request as to_openai
from fakes.dialect_writers import SIGNATURE, WRITERS, Said
from fakes.stage import ask_of
from fakes.upstreams import Play, upstream

ARGUMENTS = ['{"path": "ä/b.py"}', '{"revision": "HEAD~1..HEAD", "n": [1, {"x": null}]}', ""]
NAMES = ["read_file", "git_diff", "git_diff"]
SAID = Said(("Hel", "lo ", "Привет"), ("hm, ", "so"), tuple(zip(NAMES, ARGUMENTS, strict=True)))
USE = {"call_id": "c1-1-0", "name": "git.diff", "arguments": {"staged": True}}
STATE = {"content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "tool_use"}]}
FACTS = ModelFacts("m-1", "m-1", "gpt", thinking=True, reasoning_effort="low")
OLDER = {"temperature"}
"""What the SDK of Anthropic has dropped; models before those that reason on their own take it."""
ASKED = InferenceRequest.model_validate(
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What changed?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [USE],
                "provider_state": seal("real", STATE),
            },
            {"role": "tool", "call_id": "c1-1-0", "content": "{}"},
        ],
        "tools": [{"name": "git.diff", "description": "D", "parameters": {"type": "object"}}],
        "tool_choice": "git.diff",
        "max_tokens": 4_000,
        "temperature": 0.5,
        "stop": ["\n\n"],
        "metadata": {"session_id": "s1"},
    }
)


def events(kind: str) -> Iterator[bytes]:
    """The data of each event of the answer."""
    parser = SseParser()
    whole = parser.feed(b"".join(WRITERS[kind](SAID))) + parser.close()
    return (event.data for event in whole if event.data != b"[DONE]")


def check_request(encode: Callable[[Ask], bytes], kind: Any, ask: Ask) -> None:
    """Raise where the SDK knows no such field, or has another type for it."""
    body = orjson.loads(encode(ask))
    assert set(body) <= kind.__annotations__.keys() | OLDER
    adapter = TypeAdapter(kind)  # must live for as long as its lists are read
    _read(adapter.validate_python(body))


def _read(value: Any) -> None:
    """Go through all of a value; lists of the SDKs are checked only when they are read."""
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, str) or not hasattr(value, "__iter__"):
        return
    for one in value:
        _read(one)


async def test_openai() -> None:
    """P-06, P-07, P-13: with text, reasoning, usage and interleaved parallel calls."""
    from openai import AsyncOpenAI  # noqa: PLC0415 -- slow, see above
    from openai.types.chat import ChatCompletionChunk  # noqa: PLC0415
    from openai.types.chat.completion_create_params import (  # noqa: PLC0415
        CompletionCreateParamsStreaming,
    )

    kind = "openai-compatible"
    for event in events(kind):
        ChatCompletionChunk.model_validate_json(event)
    for facts in (FACTS, replace(FACTS, reasoning=True)):
        check_request(to_openai, CompletionCreateParamsStreaming, ask_of(ASKED, "other", facts))
    async with (
        upstream(Play(tuple(WRITERS[kind](SAID)))) as acting,
        AsyncOpenAI(base_url=f"{acting.url}/v1", api_key="k") as client,
        client.chat.completions.stream(model="m-1", messages=[], tools=[]) as stream,
    ):
        whole = await stream.get_final_completion()

    (choice,) = whole.choices
    calls = [call.function for call in choice.message.tool_calls or ()]
    assert choice.message.content == "Hello Привет"
    assert choice.finish_reason == "tool_calls"
    assert [(call.name, call.arguments) for call in calls] == [*SAID.calls]
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (11, 7)


async def test_anthropic() -> None:
    """P-06, P-11, P-13: with text, signed thinking, usage and parallel calls."""
    from anthropic import AsyncAnthropic  # noqa: PLC0415 -- slow, see above
    from anthropic.types import RawMessageStreamEvent  # noqa: PLC0415
    from anthropic.types.message_create_params import MessageCreateParamsStreaming  # noqa: PLC0415

    strict: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    for event in events("anthropic"):
        if event != b'{"type":"ping"}':  # the SDK drops them before it looks
            strict.validate_json(event)
    for facts in (FACTS, replace(FACTS, reasoning=True), replace(FACTS, thinking=False)):
        check_request(to_anthropic, MessageCreateParamsStreaming, ask_of(ASKED, "real", facts))
    async with (
        upstream(Play(tuple(WRITERS["anthropic"](SAID)))) as acting,
        AsyncAnthropic(base_url=acting.url, api_key="k") as client,
        client.messages.stream(model="m-1", messages=[], max_tokens=9) as stream,
    ):
        whole = await stream.get_final_message()

    thinking, text, *uses = [block.model_dump() for block in whole.content]
    assert (thinking["thinking"], thinking["signature"]) == ("hm, so", SIGNATURE)
    assert text["text"] == "Hello Привет"
    assert [(use["name"], use["input"]) for use in uses] == [
        (name, orjson.loads(arguments or "{}")) for name, arguments in SAID.calls
    ]
    assert whole.stop_reason == "tool_use"
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (8, 3)
    assert whole.usage.output_tokens == 7
