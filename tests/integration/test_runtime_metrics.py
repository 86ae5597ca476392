"""What the runtime's metrics say after real turns."""

from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from harness.person import person
from harness.services import Services
from harness.sockets import opened


async def _samples(url: str) -> dict[str, float]:
    """The runtime's samples by name and labels; times of creation aside."""
    async with aiohttp.ClientSession(url) as http, http.get("/metrics") as response:
        text = await response.text()
    return {
        f"{sample.name} {','.join(sample.labels.values())}".strip(): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


async def test_42_requests_count_42(platform: Services) -> None:
    """O-05, X-22."""
    async with opened(f"{platform.socket_url}/ws/many") as socket:
        for _ in range(42):
            await socket.send({"type": "user_message", "content": "echo a"})
            await socket.final()

    samples = await _samples(platform.runtime_url)

    assert samples["agent_llm_requests_total"] == 42
    assert samples["codelab_runtime_inference_seconds_count"] == 42
    assert samples["codelab_runtime_turns_total completed"] == 42


async def test_tools_are_timed_by_name_and_no_label_names_a_session(
    platform: Services, tmp_path: Path
) -> None:
    """O-02, O-05."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "README.md").write_text("hello\n")
    async with person(platform.gateway_url, workspace, session_id="secret-id") as (session, _):
        await session.ask("read README.md")

    samples = await _samples(platform.runtime_url)

    assert samples["codelab_runtime_tool_seconds_count read_file"] == 1
    assert not [name for name in samples if "secret-id" in name or "README" in name]
