from pathlib import Path

import pytest

from codelab_core.settings import RuntimeSettings
from codelab_runtime.backend import open_backend


async def test_the_store_in_memory_is_shared_by_its_two_clients() -> None:
    settings = RuntimeSettings.load(redis_url="embedded:memory")

    async with open_backend(settings) as one, open_backend(settings) as other:
        await one.commands.set("k", "v")

        assert await one.channels.get("k") == b"v"
        assert await other.commands.get("k") is None


async def test_a_named_server_is_used(store_server: str) -> None:
    settings = RuntimeSettings.load(redis_url=store_server)

    async with open_backend(settings) as backend:
        await backend.commands.ping()

        assert backend.channels.connection_pool.connection_kwargs["socket_timeout"] is None


async def test_where_no_server_can_run_memory_serves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("codelab_runtime.embedded.server_binary", lambda: None)
    settings = RuntimeSettings.load(redis_url="embedded://", state_dir=tmp_path)

    async with open_backend(settings) as backend:
        assert type(backend.commands).__module__.startswith("fakeredis")
