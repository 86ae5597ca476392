"""Fixtures of the proxy's integration tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.llm import Client, proxy_of


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Client]:
    """A proxy that waits for no pace."""
    async with proxy_of(tmp_path, scripted_time_scale=0) as client:
        yield client


@pytest.fixture(scope="module")
async def shared_proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """One proxy for all tests of a module that leave nothing behind in it."""
    async with proxy_of(tmp_path_factory.mktemp("proxy"), scripted_time_scale=0) as client:
        yield client
