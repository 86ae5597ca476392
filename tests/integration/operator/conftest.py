"""A fake cluster for each test of the operator."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.operators import Bench, bench


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Bench]:
    """The cluster; tests start operators on it."""
    async with bench(tmp_path) as made:
        yield made
