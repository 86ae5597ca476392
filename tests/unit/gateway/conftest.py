"""A scripted runtime, and a real gateway in front of it."""

from collections.abc import AsyncIterator

import pytest

from fakes.fake_runtime import FakeRuntime, fake_runtime
from harness.front import Front, front


@pytest.fixture
async def runtime() -> AsyncIterator[FakeRuntime]:
    """A runtime whose answers the test scripts."""
    async with fake_runtime() as fake:
        yield fake


@pytest.fixture
async def gateway(runtime: FakeRuntime) -> AsyncIterator[Front]:
    """A gateway that asks for no token."""
    async with front(runtime.url) as running:
        yield running
