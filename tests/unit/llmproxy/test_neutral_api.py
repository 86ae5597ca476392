from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from httpx2 import ASGITransport, AsyncClient

from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.app import create_app

ASK = {"messages": [{"role": "user", "content": "echo a"}]}


@asynccontextmanager
async def client() -> AsyncIterator[AsyncClient]:
    """A client of an application in this process."""
    app = create_app(LLMProxySettings.load())
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://proxy") as http,
    ):
        yield http


async def test_models_are_a_bare_array() -> None:
    """P-02."""
    async with client() as http:
        models = (await http.get("/llm/models")).json()

    assert models[0] == {
        "id": "default",
        "name": "default",
        "provider": "scripted",
        "family": "scripted",
        "context_length": 1_000_000,
        "max_tokens": 100_000,
        "supports_tools": True,
        "is_available": True,
    }


async def test_providers_are_listed_without_secrets() -> None:
    async with client() as http:
        providers = (await http.get("/llm/providers")).json()

    targets = providers[0].pop("targets")
    assert providers == [{"name": "scripted", "kind": "scripted", "models": 5}]
    assert targets[0] == {"model": "scripted/agent", "breaker": "closed", "in_flight": 0}
    assert len(targets) == 5


async def test_an_inference_can_be_looked_at_and_let_go() -> None:
    async with client() as http:
        await http.post("/llm/chat", json=ASK | {"inference_id": "i-1"})
        seen = await http.get("/llm/inferences/i-1")
        gone = await http.delete("/llm/inferences/i-1", headers={"X-Fence": "3"})
        refused = await http.delete("/llm/inferences/i-1", headers={"X-Fence": "2"})
        garbled = await http.delete("/llm/inferences/i-1", headers={"X-Fence": "x"})
        unknown = [await http.get("/llm/inferences/i-2"), await http.delete("/llm/inferences/i-2")]

    assert seen.json() == {
        "inference_id": "i-1",
        "state": "done",
        "head": 4,
        "model": "scripted/agent",
        "provider": "scripted",
        "usage": {"prompt_tokens": 32, "completion_tokens": 2, "source": "provider"},
    }
    assert (gone.status_code, gone.content) == (204, b"")
    assert (refused.status_code, refused.json()["error"]["details"]) == (409, {"fence": 3})
    assert (garbled.status_code, garbled.json()["error"]["code"]) == (400, "INVALID_REQUEST")
    assert [answer.status_code for answer in unknown] == [404, 204]
    assert unknown[0].json()["error"]["class"] == "inference"


async def test_routes_have_names_in_the_metrics() -> None:
    async with client() as http:
        await http.post("/llm/stream", json=ASK)
        await http.get("/llm/stream")
        metrics = (await http.get("/metrics")).text

    assert 'http_requests_total{method="POST",route="/llm/stream",status="200"} 1.0' in metrics
    assert 'http_requests_total{method="GET",route="/llm/stream",status="405"} 1.0' in metrics
