"""The scripts that people run against a system, run as they do, in a small size."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson
import pytest

from codelab_client.up import Options, Stack, stack

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Stack]:
    """`codelab up` on free ports."""
    options = Options(tmp_path, gateway_port=0, runtime_port=0, llmproxy_port=0)
    async with stack(options) as running:
        yield running


async def ran(command: Sequence[str], **environment: str) -> tuple[int, list[str]]:
    """Exit status and lines of a script."""
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=ROOT,
        env=os.environ | environment,  # noqa: TID251 -- of a child
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


async def test_the_check_of_a_running_system_passes_every_line(embedded: Stack) -> None:
    """D-05."""
    key = embedded.internal_token_file.read_text().strip()
    urls = ["--runtime", embedded.runtime_url, "--llmproxy", embedded.llmproxy_url]

    status, lines = await ran(
        ["scripts/test-all.sh", *urls], CODELAB_URL=embedded.gateway_url, CODELAB_KEY=key
    )

    assert lines == [
        "✓ gateway is healthy",
        "✓ agent-runtime is healthy",
        "✓ llm-proxy is healthy",
        "✓ agent-runtime answers 401 without a key",
        "✓ llm-proxy answers 401 without a key",
        "✓ agent-runtime takes a command with the key",
        "✓ WebSocket echo",
        "✓ tool round trip",
        "8 of 8 checks passed",
    ]
    assert status == 0


async def test_the_check_names_what_is_away_and_fails(embedded: Stack) -> None:
    """D-05."""
    urls = ["--runtime", "http://127.0.0.1:9", "--llmproxy", embedded.llmproxy_url]

    status, lines = await ran(["scripts/test-all.sh", *urls, "--gateway", embedded.gateway_url])

    failed = [line.partition(":")[0] for line in lines if line.startswith("✗")]
    assert failed == ["✗ agent-runtime is healthy", "✗ agent-runtime answers 401 without a key"]
    assert status == 1


async def test_the_load_test_prints_its_lines_and_keeps_its_figures(
    embedded: Stack, tmp_path: Path
) -> None:
    """D-06, O-12, O-13, O-16."""
    kept = tmp_path / "load.json"
    size = ["--sockets", "5", "--rate", "10", "--duration", "2"]

    status, lines = await ran(
        ["./run_load_test.sh", "--url", embedded.gateway_url, *size, "--json", str(kept)]
    )

    assert "✓ 5 WebSockets open all along" in lines
    assert "✓ 20 of 20 requests answered, 0 errors" in lines
    assert "✓ 0 tokens lost, 0 doubled of 400" in lines
    assert any("p95" in line and "p99" in line and line[0] in "✓✗" for line in lines)
    assert orjson.loads(kept.read_bytes())["rows"][0]["answers"] == 20
    assert status == 0


async def test_the_load_test_fails_where_nobody_answers() -> None:
    """D-06."""
    status, lines = await ran(
        ["scripts/load-test.sh", "--url", "http://127.0.0.1:9", "--smoke", "--json", os.devnull]
    )

    assert lines == ["✗ no connection: ConnectionRefusedError"]
    assert status == 1
