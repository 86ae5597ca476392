"""The whole system in one process."""

import asyncio
from pathlib import Path

import anyio
import pytest
from websockets.asyncio.client import connect

from codelab_client.places import Gateway, GatewayError, running_gateway
from codelab_client.up import Options, stack
from codelab_core.server import bind


def options(folder: Path, **fields: object) -> Options:
    ports = {"gateway_port": 0, "runtime_port": 0, "llmproxy_port": 0}
    return Options(folder, **{**ports, **fields})  # type: ignore[arg-type]  # keyword by keyword


async def health(url: str) -> str:
    answer = await Gateway(url).request("GET", "/health")
    return str(answer["status"])


async def test_three_healthy_services_and_a_file_that_says_where(tmp_path: Path) -> None:
    """S-15."""
    async with stack(options(tmp_path)) as running:
        urls = (running.gateway_url, running.runtime_url, running.llmproxy_url)
        states = [await health(url) for url in urls]
        found = await running_gateway(tmp_path)

    assert states == ["healthy"] * 3
    assert found == Gateway(running.gateway_url, None)
    assert await running_gateway(tmp_path) is None


@pytest.mark.parametrize(
    ("variable", "value", "provider"),
    [
        ("OPENAI_API_KEY", "sk-canary", "openai"),
        ("ANTHROPIC_API_KEY", "sk-canary", "anthropic"),
        ("OLLAMA_HOST", "127.0.0.1:1", "ollama"),
    ],
)
async def test_a_provider_of_the_environment_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, provider: str
) -> None:
    """X-14: and the demonstration does not use it."""
    monkeypatch.setenv(variable, value)

    async with stack(options(tmp_path / "a")) as running:
        found = (running.provider, running.model != "")
    async with stack(options(tmp_path / "b", scripted_only=True)) as running:
        without = (running.provider, running.model)

    assert found == (provider, True)
    assert without == ("scripted", "scripted/agent")


async def test_ports_that_are_taken_are_replaced_by_free_ones(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        async with stack(options(tmp_path, gateway_port=port)) as running:
            assert running.gateway_url != f"http://127.0.0.1:{port}"
            assert await health(running.gateway_url) == "healthy"


async def test_sessions_survive_a_restart(tmp_path: Path) -> None:
    """S-06: the embedded store keeps its append-only file."""
    async with stack(options(tmp_path)) as running:
        gateway = Gateway(running.gateway_url)
        created = await gateway.request("POST", "/api/v1/sessions")
    async with stack(options(tmp_path)) as running:
        listed = await Gateway(running.gateway_url).request("GET", "/api/v1/sessions")

    assert [session["id"] for session in listed["sessions"]] == [created["id"]]


async def test_beyond_loopback_a_token_is_needed(tmp_path: Path) -> None:
    async with stack(options(tmp_path, host="0.0.0.0")) as running:  # noqa: S104 -- what is tested
        with pytest.raises(GatewayError, match="UNAUTHORIZED"):
            await Gateway(running.gateway_url).request("GET", "/api/v1/sessions")
        with_token = Gateway(running.gateway_url, running.token)
        listed = await with_token.request("GET", "/api/v1/sessions")

    assert listed["total"] == 0


async def test_the_runtime_and_the_proxy_ask_for_the_key_between_services(tmp_path: Path) -> None:
    async with stack(options(tmp_path)) as running:
        for url in (running.runtime_url, running.llmproxy_url):
            with pytest.raises(GatewayError, match="401"):
                await Gateway(url).request("GET", "/anything")


async def test_secrets_are_readable_by_this_user_only(tmp_path: Path) -> None:
    async with stack(options(tmp_path)) as running:
        modes = running.internal_token_file.stat().st_mode & 0o777

    assert modes == 0o600


async def test_a_second_system_on_the_same_folder_works_without_keeping_sessions(
    tmp_path: Path,
) -> None:
    async with stack(options(tmp_path)) as first, stack(options(tmp_path)) as second:
        await Gateway(first.gateway_url).request("POST", "/api/v1/sessions")
        listed = await Gateway(second.gateway_url).request("GET", "/api/v1/sessions")

    assert listed["total"] == 0


async def test_stopping_is_quick_with_a_client_connected(tmp_path: Path) -> None:
    async with stack(options(tmp_path)) as running:
        url = f"ws{running.gateway_url.removeprefix('http')}/ws/s"
        client = await connect(url, proxy=None)
        await client.send('{"type":"ping"}')
        await client.recv()
        began = asyncio.get_running_loop().time()
    with anyio.fail_after(5):
        await client.wait_closed()

    assert asyncio.get_running_loop().time() - began < 10
    assert client.close_code == 4503
