"""Fixtures of the integration tests: everything real, on loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest


@pytest.fixture
async def platform(store_server: str, tmp_path: Path) -> AsyncIterator["object"]:
    """The three services in development mode: no token is asked for."""
    from harness.services import services

    async with services(store_server, tmp_path) as running:
        yield running
