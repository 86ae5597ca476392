"""What the proxy shows of itself while it works."""

import asyncio
from pathlib import Path

import pytest

from harness.llm import proxy_of, user


async def test_tokens_per_second_follow_a_scripted_pace(tmp_path: Path) -> None:
    """O-06. Half a second at 50/s is a twentieth of the ten seconds that count."""
    async with proxy_of(tmp_path) as proxy:
        idle = await proxy.gauge("llm_proxy_tokens_per_second")
        body = {"messages": user("write 25 tokens at 50 per second")}
        async with asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(proxy.stream(body))
        busy = await proxy.gauge("llm_proxy_tokens_per_second")
        metrics = await proxy.get("/metrics")

    assert idle == 0
    assert busy == pytest.approx(50, rel=0.05)
    assert 'codelab_llmproxy_provider_available{provider="scripted"} 1.0' in metrics
    labels = 'class="ok",model="scripted/agent",provider="scripted"'
    assert f"codelab_llmproxy_attempts_total{{{labels}}} 20.0" in metrics
    assert 'codelab_llmproxy_http_requests_total{method="POST",route="/llm/stream"' in metrics
