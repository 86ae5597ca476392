"""Real providers over real sockets: the whole way from a request to the provider and back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from fakes.upstreams import Play, Upstream, upstream
from harness.llm import Client, proxy_of, user
from harness.providers import KEY, config_file, provider

ASK = {"messages": user("Hi"), "tools": [{"name": "git.diff"}]}


def sse(*events: Any) -> tuple[bytes, ...]:
    """Events of a stream."""
    lines = (event if isinstance(event, bytes) else orjson.dumps(event) for event in events)
    return tuple(b"data: %b\n\n" % line for line in lines)


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
HELLO = Play(sse(delta(content="Hello"), delta(content=" you"), delta("stop"), USAGE, b"[DONE]"))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)


@asynccontextmanager
async def proxied(
    folder: Path, *plays: Play, **fields: Any
) -> AsyncIterator[tuple[Client, Upstream]]:
    """A proxy whose only provider is one that plays these answers."""
    async with upstream(*plays) as acting:
        file = config_file(folder, provider("openai-compatible", acting.url, **fields))
        async with proxy_of(folder, config_file=file) as client:
            yield client, acting


async def test_tokens_of_a_provider_come_through(tmp_path: Path) -> None:
    """P-07."""
    async with proxied(tmp_path, HELLO) as (proxy, acting):
        answer = await proxy.stream(ASK)
        models = await proxy.get("/llm/models")

    assert answer.text == "Hello you"
    assert answer.values(b"usage") == [
        {"prompt_tokens": 5, "completion_tokens": 2, "source": "provider"}
    ]
    assert answer.values(b"done")[0]["provider"] == "real"
    assert acting.asked[0].path == "/v1/chat/completions"
    assert acting.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert acting.asked[0].headers["accept-encoding"] == "identity"
    assert acting.asked[0].body["tools"][0]["function"]["name"] == "git_diff"
    assert [model["id"] for model in models] == ["default", "auto", "gpt-4", "gpt-4o", "m-1"]
