from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient

from codelab_core.server import bind
from codelab_core.settings import LLMProxySettings, SettingsError
from codelab_llmproxy.app import ProviderChecks, create_app, llmproxy, one_answers, who_answers
from codelab_llmproxy.scripted.scenario import ScenarioError


async def test_health_names_the_service_and_its_provider() -> None:
    """P-01."""
    app = create_app(LLMProxySettings.load())
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://proxy") as http,
    ):
        health = await http.get("/health")
        ready = await http.get("/health/ready")

    assert health.status_code == 200
    body = health.json()
    assert (body["status"], body["service"], body["checks"]) == (
        "healthy",
        "llm-proxy",
        {"scripted": "ok"},
    )
    assert ready.json() == {"status": "ok"}


async def test_it_is_not_ready_before_it_started_and_while_it_drains() -> None:
    settings = LLMProxySettings.load(port=0)
    async with llmproxy(settings) as service:
        service.socket.close()
        app = service.app
        async with AsyncClient(transport=ASGITransport(app), base_url="http://proxy") as http:
            states = [(await http.get("/health/ready")).json()["status"]]
            async with app.router.lifespan_context(app):
                states.append((await http.get("/health/ready")).json()["status"])
                await service.drain()
                states.append((await http.get("/health/ready")).json()["status"])

    assert states == ["starting", "ok", "draining"]


async def test_a_listener_that_is_bound_already_is_used() -> None:
    listener = bind("127.0.0.1", 0)

    async with llmproxy(LLMProxySettings.load(), listener=listener) as service:
        port = service.port
    listener.close()

    assert port not in {0, 8002}


def test_keys_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    settings = LLMProxySettings.load(internal_token_file=tmp_path / "missing")

    with pytest.raises(SettingsError, match="CODELAB_INTERNAL_TOKEN_FILE"):
        create_app(settings)


def test_broken_scenarios_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a")

    with pytest.raises(ScenarioError, match=r"a\.yaml"):
        create_app(LLMProxySettings.load(scenario_dir=tmp_path))


async def test_scenarios_are_models(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: hello\nsteps: [{text: Hello.}]")
    app = create_app(LLMProxySettings.load(scenario_dir=tmp_path))
    messages = [{"role": "user", "content": "x"}]
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://proxy") as http,
    ):
        body = {"model": "scripted/scenario-hello", "messages": messages}
        answer = await http.post("/llm/chat", json=body)

    assert answer.json()["message"]["content"] == "Hello."


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param({"scripted": True}, True, id="scripted-alone"),
        pytest.param({"a": True, "b": False}, True, id="one-of-two"),
        pytest.param({"a": False, "b": False, "scripted": True}, False, id="only-the-built-in"),
    ],
)
def test_it_is_healthy_while_one_provider_is_there(
    states: dict[str, bool], *, expected: bool
) -> None:
    assert one_answers(states) is expected


async def test_checks_are_those_of_the_providers_on_offer() -> None:
    app = create_app(LLMProxySettings.load())
    checks = ProviderChecks(app.state.offer)

    await checks["scripted"]()

    assert (len(checks), list(checks), who_answers(app)) == (
        1,
        ["scripted"],
        ("scripted", "scripted/agent"),
    )
