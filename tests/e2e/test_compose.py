"""`docker compose up`: the same endpoints, and a turn that outlives every container."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from codelab_client.approvals import FixedAnswers
from codelab_client.opening import Where, opened_session
from codelab_client.places import Gateway
from codelab_client.smoke import smoke
from harness.commands import ROOT, run
from harness.person import Record

pytestmark = pytest.mark.timeout(240)
PORTS = {
    "CODELAB_GATEWAY_PORT": "18000",
    "CODELAB_RUNTIME_PORT": "18001",
    "CODELAB_LLMPROXY_PORT": "18002",
}
GATEWAY = Gateway("http://127.0.0.1:18000", "sample-client-token-for-one-machine")
COMPOSE = ("docker", "compose", "--env-file", ".env.example", "--project-name", "codelab-e2e")
TOKENS = 600
WORDS = [f"t{number:05}" for number in range(1, TOKENS + 1)]


def compose(*arguments: str) -> str:
    """Run `docker compose` on the sample environment, on ports of our own."""
    return run(*COMPOSE, *arguments, timeout_s=180, environment=PORTS)


@pytest.fixture(scope="module", autouse=True)
def system() -> Iterator[None]:
    """The containers; their logs are shown when one does not become healthy."""
    try:
        compose("up", "--detach", "--wait", "--no-build")
        yield
    finally:
        compose("down", "--volumes", "--timeout", "5")


@asynccontextmanager
async def asked(tmp_path: Path, task: str) -> AsyncIterator[tuple[asyncio.Task[object], Record]]:
    """A session with a turn that runs."""
    record = Record()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    where = Where(tmp_path / "state", workspace)
    async with (
        opened_session(where, GATEWAY, FixedAnswers.parse("all"), record) as session,
        asyncio.TaskGroup() as tasks,
    ):
        yield tasks.create_task(session.ask(task)), record


async def test_a_whole_turn_through_the_containers() -> None:
    assert "one turn" in await smoke(GATEWAY, 10)


def test_the_check_of_a_running_system_passes() -> None:
    key = (ROOT / "manifests/compose/internal-keys").read_text().split()[0]

    said = run(
        *(ROOT / "scripts/test-all.sh", "--gateway", GATEWAY.url),
        *("--runtime", "http://127.0.0.1:18001", "--llmproxy", "http://127.0.0.1:18002"),
        *("--token", str(GATEWAY.token), "--key", key),
    )

    assert "✗" not in said
    assert said.endswith(" checks passed\n")


def test_a_load_is_answered_whole() -> None:
    said = run(
        *(ROOT / "scripts/load-test.sh", "--url", GATEWAY.url, "--token", str(GATEWAY.token)),
        *("--duration", "20"),
        timeout_s=120,
    )

    print(said)  # noqa: T201 -- the figures of the case
    assert "requests answered, 0 errors" in said
    assert "0 tokens lost, 0 doubled" in said


@pytest.mark.parametrize("victim", ["gateway", "agent-runtime", "llm-proxy", "redis"])
async def test_a_killed_container_costs_no_token_and_doubles_none(
    victim: str, tmp_path: Path
) -> None:
    """The container is killed in the middle of an answer and started again.

    An answer that died with the LLM proxy is retracted by name and given anew.
    """
    async with asked(tmp_path, f"write {TOKENS} tokens at 100 per second") as (turn, record):
        await record.until(lambda seen: len(seen.of("assistant_message")) > TOKENS // 4)
        await anyio.to_thread.run_sync(compose, "kill", victim)
        await anyio.to_thread.run_sync(compose, "start", victim)
        with anyio.fail_after(90):
            await turn

    retracted = {frame["message_id"] for frame in record.of("message_retracted")}
    shown = [f for f in record.of("assistant_message") if f["message_id"] not in retracted]
    answer = "".join(frame["token"] for frame in shown)
    (completed,) = record.of("turn_completed")
    finals = [frame for frame in record.of("assistant_message") if frame["is_final"]]
    assert answer.split() == WORDS
    assert completed["reason"] == "completed"
    assert completed["digests"][0]["sha256"] == hashlib.sha256(answer.encode()).hexdigest()
    assert len(finals) == 1
