import os
import stat
from pathlib import Path

import pytest

from codelab_runtime.connection import client
from codelab_runtime.embedded import embedded_server, server_binary
from fakes.memory import memory_folder


async def kept(url: str, value: str | None = None) -> bytes | None:
    """What the server keeps under one key; sets it first where a value is given."""
    redis = client(url)
    if value is not None:
        await redis.set("k", value)
    found = await redis.get("k")
    await redis.aclose()
    return found if isinstance(found, bytes) else None


async def test_sessions_survive_in_the_state_folder() -> None:
    with memory_folder() as folder:
        state = Path(folder) / "state"
        async with embedded_server(state) as first:
            assert first is not None
            await kept(first, "v")
            assert stat.S_IMODE(state.stat().st_mode) == 0o700
        async with embedded_server(state) as second:
            assert second is not None
            assert await kept(second) == b"v"


async def test_a_server_that_runs_in_the_folder_is_shared() -> None:
    with memory_folder() as folder:
        state = Path(folder)
        async with embedded_server(state) as first, embedded_server(state) as second:
            assert first == second
            assert first is not None
            await kept(first, "v")
        async with embedded_server(state) as third:
            assert third is not None
            assert await kept(third) == b"v"


async def test_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    async with embedded_server(tmp_path / ("x" * 120)) as url:
        assert url is not None
        assert len(url) < 100 + len("unix://")
        assert await kept(url, "v") == b"v"


async def test_without_a_server_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("codelab_runtime.embedded.server_binary", lambda: None)

    async with embedded_server(tmp_path) as url:
        assert url is None


def test_the_server_on_the_path_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = tmp_path / "valkey-server"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert server_binary() == mine


@pytest.mark.parametrize(
    ("program", "error"), [("exec sleep 30", TimeoutError), ("exit 3", OSError)]
)
async def test_a_server_that_does_not_start_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, error: type[Exception]
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text(f"#!/bin/sh\n{program}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    monkeypatch.setattr("codelab_runtime.embedded.START_TIMEOUT_S", 0.3)

    with pytest.raises(error):
        async with embedded_server(tmp_path):
            pass
