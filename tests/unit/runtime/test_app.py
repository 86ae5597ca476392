from pathlib import Path

import pytest

from codelab_core.approval_rules import ApprovalRule
from codelab_core.settings import RuntimeSettings, SettingsError
from codelab_runtime.app import rules, runtime
from codelab_runtime.turn.facts import Rules
from harness.runtime_app import runtime_app


def test_turns_decide_by_the_settings() -> None:
    rule = ApprovalRule(tool="*", decision="ask")
    settings = RuntimeSettings.load(
        plain_tools=" read_file, ,write_file", approval_rules=[rule], max_steps=3
    )

    assert rules(settings) == Rules(
        max_steps=3, plain_tools=("read_file", "write_file"), approvals=(rule,)
    )


async def test_a_runtime_is_ready_once_its_store_answers() -> None:
    async with runtime_app() as (http, running):
        ready = await http.get("/health/ready")
        await running.drain()
        draining = await http.get("/health/ready")

    assert (ready.status_code, draining.json()) == (200, {"status": "draining"})


async def test_health_names_the_store_and_the_proxy() -> None:
    async with runtime_app() as (http, _):
        answer = await http.get("/health")

    body = answer.json()
    assert (answer.status_code, body["service"]) == (503, "agent-runtime")
    assert body["checks"] == {"redis": "ok", "llm-proxy": "error: UNAVAILABLE/proxy"}


async def test_without_the_key_nothing_is_answered(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret-of-services\n")

    async with runtime_app(internal_token_file=keys) as (http, _):
        refused = [
            (await http.request(method, path)).status_code
            for method, path in (
                ("POST", "/agent/message"),
                ("GET", "/agent/sessions/s/events"),
                ("GET", "/nothing"),
            )
        ]
        known = await http.get("/agent/sessions", headers={"X-Internal-Auth": "secret-of-services"})

    assert refused == [401, 401, 401]
    assert known.json() == {"sessions": [], "total": 0}


async def test_a_runtime_for_the_network_needs_a_key() -> None:
    settings = RuntimeSettings.load(port=0, host="0.0.0.0", redis_url="embedded:memory")  # noqa: S104 -- must be refused

    with pytest.raises(SettingsError, match="CODELAB_INTERNAL_TOKEN_FILE"):
        async with runtime(settings):
            pass


async def test_two_runtimes_fit_in_one_process() -> None:
    async with runtime_app() as (one, _), runtime_app() as (two, _):
        answers = [(await http.get("/metrics")).status_code for http in (one, two)]

    assert answers == [200, 200]
