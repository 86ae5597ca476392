"""Who is there, in which release, and what each service needs."""

import httpx2
import pytest

from codelab_core.service import release
from harness.services import Services

NEEDS = {
    "gateway": {"agent-runtime"},
    "agent-runtime": {"redis", "llm-proxy"},
    "llm-proxy": {"scripted"},
}


@pytest.mark.parametrize("service", NEEDS)
async def test_each_service_says_what_it_is(platform: Services, service: str) -> None:
    """G-01, R-01, P-01, O-03: no key is asked for."""
    urls = {
        "gateway": platform.gateway_url,
        "agent-runtime": platform.runtime_url,
        "llm-proxy": platform.llmproxy_url,
    }

    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{urls[service]}/health")

    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"status", "service", "version", "uptime_s", "timestamp", "checks"}
    assert (body["status"], body["service"], body["version"]) == ("healthy", service, release())
    assert set(body["checks"].values()) == {"ok"}
    assert NEEDS[service] <= set(body["checks"]), body["checks"]
