"""All six tools through the whole system, driven by a provider that speaks its own dialect."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from codelab_core.protocol.events import SERVER_FRAME
from fakes.repository import Repository
from fakes.scripted_upstream import scripted_actor
from fakes.upstreams import upstream
from harness.person import person
from harness.providers import KEY, config_file, provider
from harness.services import Wanted, services

TASK = (
    'think about names then read a.py then replace "old" with "new" in a.py then show the diff'
    ' then write "hello" to b.txt then ask me "Good?" with options Yes, No'
)
TOOLS = ["read_file", "read_file", "apply_patch_review", "apply_patch"]
THEN = ["git.diff", "write_file", "prompt_user"]


def unlike_the_types(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the frames that the published types do not take as they are."""
    wire = [orjson.dumps(frame) for frame in frames]
    return [
        orjson.loads(text) for text in wire if SERVER_FRAME.validate_json(text).encode() != text
    ]


async def test_all_six_tools_work_with_the_built_in_model(
    store_server: str, tmp_path: Path
) -> None:
    """G-11, G-12, R-12: what clients see is the same protocol, whoever answers."""
    workspace = tmp_path / "workspace"
    repository = await Repository.made(workspace)
    await repository.commit(a_py="old = 1\n")

    async with (
        services(store_server, tmp_path) as platform,
        person(platform.gateway_url, workspace) as (session, record),
    ):
        completed = await session.ask(TASK)

    assert [frame["tool_name"] for frame in record.of("tool_call")] == TOOLS + THEN
    assert completed["reason"] == "completed"
    assert (workspace / "a.py").read_text() == "new = 1\n"
    assert unlike_the_types(record.frames) == []


@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic", "ollama"])
async def test_all_six_tools_work_in_every_dialect(
    kind: str, store_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G-11, G-12, P-06, P-07, P-11, P-13, P-14, R-07, X-07: `git.diff` goes out as `git_diff`."""
    monkeypatch.setenv("TEST_KEY", KEY)
    workspace = tmp_path / "workspace"
    repository = await Repository.made(workspace)
    await repository.commit(a_py="old = 1\n")

    async with upstream(scripted_actor(kind)) as acting:
        model = {"id": "m-1", "context_window": 100_000, "thinking": kind == "anthropic"}
        file = config_file(tmp_path, provider(kind, acting.url, models=[model]))
        wanted = Wanted(llmproxy={"config_file": file})
        async with (
            services(store_server, tmp_path, wanted) as platform,
            person(platform.gateway_url, workspace) as (session, record),
        ):
            completed = await session.ask(TASK)

    called = [frame["tool_name"] for frame in record.of("tool_call")]
    assert called == TOOLS + THEN
    assert completed["reason"] == "completed"
    assert (workspace / "a.py").read_text() == "new = 1\n"
    assert (workspace / "b.txt").read_text() == "hello"
    assert unlike_the_types(record.frames) == []
    last = acting.asked[-1].raw
    assert b"git_diff" in last
    assert b"git.diff" not in last
    if kind == "anthropic":
        assert last.count(b'"signature":"c2lnbmF0dXJl') == 1  # the one answer that thought
