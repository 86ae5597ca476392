from typing import Any

import pytest
from pydantic import ValidationError

from codelab_core.protocol import inference
from codelab_core.protocol.frames import Outgoing
from codelab_core.protocol.inference import (
    Done,
    InferenceError,
    InferenceRequest,
    ModelInfo,
    Thinking,
    Token,
    Usage,
    WholeCall,
)


@pytest.mark.parametrize(
    ("chunk", "wire"),
    [
        pytest.param(Token(token="Hel"), b'{"token":"Hel"}', id="token"),
        pytest.param(Thinking(text="hm"), b'{"text":"hm"}', id="thinking"),
        pytest.param(
            WholeCall(index=0, name="git.diff", arguments={"path": None}),
            b'{"index":0,"name":"git.diff","arguments":{"path":null}}',
            id="tool-call-keeps-nulls",
        ),
        pytest.param(Usage(), b'{"source":"provider"}', id="usage-unknown"),
        pytest.param(
            Usage(
                prompt_tokens=1,
                completion_tokens=2,
                cached_tokens=0,
                reasoning_tokens=3,
                source="estimated",
            ),
            b'{"prompt_tokens":1,"completion_tokens":2,"cached_tokens":0,"reasoning_tokens":3,'
            b'"source":"estimated"}',
            id="usage",
        ),
        pytest.param(
            Done(finish_reason="stop", model="agent", provider="scripted"),
            b'{"finish_reason":"stop","model":"agent","provider":"scripted","attempts":[],'
            b'"warnings":[]}',
            id="done",
        ),
        pytest.param(
            InferenceError(
                code="PROVIDER_ERROR",
                class_="cut",
                message="Cut.",
                retryable=True,
                retry_after_ms=5,
                fault="provider",
                billed="yes",
            ),
            b'{"code":"PROVIDER_ERROR","class":"cut","message":"Cut.","retryable":true,'
            b'"retry_after_ms":5,"fault":"provider","billed":"yes"}',
            id="error",
        ),
        pytest.param(
            ModelInfo(
                id="scripted/agent",
                name="agent",
                provider="scripted",
                family="scripted",
                context_length=128_000,
                max_tokens=4096,
            ),
            b'{"id":"scripted/agent","name":"agent","provider":"scripted","family":"scripted",'
            b'"context_length":128000,"max_tokens":4096,"supports_tools":true,'
            b'"is_available":true}',
            id="model",
        ),
    ],
)
def test_a_chunk_is_sent_as_these_bytes(chunk: Outgoing, wire: bytes) -> None:
    assert chunk.encode() == wire


def test_events_are_named_as_in_the_protocol() -> None:
    names = ("TOKEN", "THINKING", "TOOL_CALL", "TOOL_PROGRESS", "RESTART", "USAGE", "DONE", "ERROR")

    assert {name: getattr(inference, name) for name in names} == {
        name: name.lower().encode() for name in names
    }


REQUEST: dict[str, Any] = {
    "inference_id": "i-9a0c",
    "model": "default",
    "messages": [
        {"role": "user", "content": "Add logging"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"call_id": "c7-1-0", "name": "read_file", "arguments": {"path": None}}],
            "provider_state": "opaque",
        },
        {"role": "tool", "call_id": "c7-1-0", "content": "…"},
    ],
    "tools": [{"name": "git.diff", "description": "…", "parameters": {"type": "object"}}],
    "max_tokens": 4096,
    "temperature": 0,
    "from": 3,
    "crc": 7,
}


def test_a_request_is_read_by_the_names_of_the_wire() -> None:
    parsed = InferenceRequest.model_validate(REQUEST | {"later": 1})

    assert parsed.model_dump(by_alias=True, exclude_unset=True) == REQUEST
    assert parsed.from_chunk == 3


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"messages": []}, id="no-messages"),
        pytest.param({"messages": [{"role": "robot"}]}, id="role"),
        pytest.param({"inference_id": "a b"}, id="id"),
        pytest.param({"from": -1}, id="from"),
        pytest.param({"max_tokens": 0}, id="max-tokens"),
        pytest.param({"deadline_ms": 0}, id="deadline"),
        pytest.param({"tools": [{"name": "x"}] * 513}, id="too-many-tools"),
        pytest.param({"model": ""}, id="model"),
    ],
)
def test_a_request_with_a_fault_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InferenceRequest.model_validate(REQUEST | fields)
