"""Fixtures of the integration tests: everything real, on loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.services import Services, services


@pytest.fixture
async def platform(store_server: str, tmp_path: Path) -> AsyncIterator[Services]:
    """The three services in development mode: no token is asked for."""
    async with services(store_server, tmp_path) as running:
        yield running
